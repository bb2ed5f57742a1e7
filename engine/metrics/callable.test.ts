import { describe, expect, it } from 'vitest';
import { type Backend, backendId, type Fleet, serviceKey } from '../model.ts';
import { callableAddresses } from './callable.ts';

const at = (portName: string, address: string, port: number) => ({ portName, address, port });

function pod(name: string, fields: Partial<Backend>): Backend {
  return { id: backendId(name), name, ready: true, serving: true, terminating: false, endpoints: [], ...fields };
}

function fleet(backends: readonly Backend[], fields: Partial<Fleet> = {}): Fleet {
  const ports = [
    { name: 'http', number: 80 },
    { name: 'judge', number: 8080 },
  ];
  return { service: serviceKey('shop', 'judge'), hasSelector: true, ports, backends, ...fields };
}

describe.each(['slice', 'pod'] as const)('the addresses of a Service, vouched for by %s', (vouching) => {
  it('are those of its ready pods, at the port behind the one asked for', () => {
    const ownAddresses = ['10.0.0.1'];
    const backends = [
      pod('a', { endpoints: [at('http', '10.0.0.1', 3000), at('judge', '10.0.0.1', 3001)], ownAddresses }),
      pod('b', { ready: false, endpoints: [at('judge', '10.0.0.2', 3001)], ownAddresses: ['10.0.0.2'] }),
      pod('c', { terminating: true, endpoints: [at('judge', '10.0.0.3', 3001)], ownAddresses: ['10.0.0.3'] }),
    ];
    const addresses = [{ address: '10.0.0.1', port: 3001 }];
    expect(callableAddresses(fleet(backends), 8080, vouching)).toEqual({ kind: 'addresses', addresses });
  });

  it.each<[title: string, fleet: Fleet | undefined, port: number]>([
    ['that is not there', undefined, 8080],
    ['of a port that it does not offer', fleet([]), 3000],
    ['without a selector, or of type ExternalName', fleet([], { hasSelector: false }), 8080],
  ])('are refused for one %s', (_, given, port) => {
    expect(callableAddresses(given, port, vouching)).toMatchObject({ kind: 'refused' });
  });
});

describe('in a cluster, where a tenant may write the slice', () => {
  const ownAddresses = ['10.0.0.1', 'fd00::1'];

  it.each([
    ['the address of another pod', pod('a', { endpoints: [at('judge', '10.9.9.9', 3001)], ownAddresses })],
    ['an address without a pod', pod('x', { endpoints: [at('judge', '10.0.0.1', 3001)] })],
    ['a pod on the network of its node', pod('n', { endpoints: [at('judge', '10.0.0.1', 3001)], ownAddresses: [] })],
    [
      'a pod that is said to be at loopback',
      pod('l', { endpoints: [at('judge', '::1', 3001)], ownAddresses: ['::1'] }),
    ],
    [
      'loopback in disguise',
      pod('l', { endpoints: [at('judge', '::ffff:127.0.0.1', 1)], ownAddresses: ['::ffff:127.0.0.1'] }),
    ],
  ])('%s is refused', (_, backend) => {
    expect(callableAddresses(fleet([backend]), 8080, 'pod')).toMatchObject({ kind: 'refused' });
  });

  it('an address is taken in either family, and the strange one beside it is not', () => {
    const endpoints = [at('judge', '10.9.9.9', 3001), at('judge', 'fd00::1', 3001)];
    expect(callableAddresses(fleet([pod('a', { endpoints, ownAddresses })]), 8080, 'pod')).toEqual({
      kind: 'addresses',
      addresses: [{ address: 'fd00::1', port: 3001 }],
    });
  });
});
