import { describe, expect, test } from 'vitest';
import type { PortAssignment } from '../engine/assignment/assignment.ts';
import { viewFor } from '../engine/assignment/client-class.ts';
import { serviceKey } from '../engine/model.ts';
import { endpointOf, localityOf, portOf } from '../test/support/assignments.ts';
import { parseName } from './names.ts';
import { canonicalName, selectPort } from './select.ts';

const service = serviceKey('shop', 'pricer');
const http = portOf([localityOf([endpointOf('10.0.0.1')])]);
const grpc = portOf([localityOf([endpointOf('10.0.0.1', { port: 9090 })])], { name: 'grpc', number: 90 });

function select(name: string, ...ports: Parameters<typeof selectPort>[0]['ports']): ReturnType<typeof selectPort> {
  const parsed = parseName(name);
  return parsed && selectPort({ service, ports }, parsed);
}

describe('a port is found', () => {
  test('by its number or its name', () => {
    expect(select('shop/pricer:90', http, grpc)).toBe(grpc);
    expect(select('shop/pricer:grpc', http, grpc)).toBe(grpc);
    expect(select('outbound|80||pricer.shop.svc.cluster.local', http, grpc)).toBe(http);
  });

  test('without either, where it is the only one', () => {
    expect(select('shop/pricer', http)).toBe(http);
    expect(select('shop/pricer', http, grpc)).toBeUndefined();
    expect(select('shop/pricer')).toBeUndefined();
  });

  test('never by the number of the container', () => {
    expect(select('shop/pricer:8080', http)).toBeUndefined();
  });
});

describe('a subset is the label "version"', () => {
  const labelled = (address: string, version: string) => endpointOf(address, { labels: { version } });
  const subset = 'outbound|80|v2|pricer.shop.svc.cluster.local';

  test('keeps the endpoints that have it, in localities that have any', () => {
    const port = portOf(
      [
        localityOf([labelled('10.0.0.1', 'v1')], { zone: 'a' }),
        localityOf([labelled('10.0.0.2', 'v1'), labelled('10.0.0.3', 'v2')], { zone: 'b' }),
        localityOf([labelled('10.0.0.4', 'v2'), endpointOf('10.0.0.5')], { zone: 'c' }),
      ],
      {},
      'Zone',
    );
    const selected = select(subset, port) as PortAssignment;
    expect(selected).toEqual({
      ...port,
      localities: [
        localityOf([labelled('10.0.0.3', 'v2')], { zone: 'b' }),
        localityOf([labelled('10.0.0.4', 'v2')], { zone: 'c' }),
      ],
    });
    const prioritiesIn = (zone: string) =>
      viewFor(selected, { dialect: 'envoy', zone, node: '' }).localities.map(({ priority }) => priority);
    // Nobody of the subset is in zone a: its own priorities count from 0, whatever those of the whole Service are.
    expect([prioritiesIn('a'), prioritiesIn('c')]).toEqual([
      [0, 0],
      [0, 1],
    ]);
  });

  test('is unknown where no labels are known', () => {
    expect(select(subset, portOf([localityOf([endpointOf('10.0.0.1'), endpointOf('10.0.0.2')])]))).toBeUndefined();
  });

  test('is unknown, not empty, where nobody has it: it may be a subset of another label', () => {
    expect(select(subset, portOf([localityOf([labelled('10.0.0.1', 'v1')])]))).toBeUndefined();
    expect(select(subset, portOf([]))).toBeUndefined();
  });
});

test('the name that stands for a port leads back to it', () => {
  for (const ports of [[http], [http, grpc], [portOf([], { name: '' })], [portOf([], { name: '' }), grpc]]) {
    for (const port of ports) {
      expect(select(canonicalName({ service, ports }, port.port), ...ports)).toBe(port);
    }
  }
});
