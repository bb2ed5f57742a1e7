import { describe, expect, it } from 'vitest';
import { named } from '../../test/support/admin.ts';
import { backendOf, world } from '../../test/support/world.ts';
import { backendId } from '../model.ts';
import { findAnywhere, findBackend, findService } from './find.ts';
import { Refusal } from './refusal.ts';

const anywhere = { namespace: '', name: '' };

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return error.problem.code;
    throw error;
  }
  return 'found';
}

describe('a backend is found', () => {
  const pod = backendOf('pricer-1', {
    id: backendId('0f3c-uid'),
    endpoints: [
      { portName: 'http', address: '10.0.0.7', port: 8080 },
      { portName: 'http', address: 'fd00::7', port: 8080 },
    ],
  });
  const { state } = world({ fleet: [pod, backendOf('pricer-2')] });

  it.each([
    ['its name', 'pricer-1'],
    ['its id', '0f3c-uid'],
    ['its address', '10.0.0.7'],
    ['its address and port', '10.0.0.7:8080'],
    ['its IPv6 address', 'fd00::7'],
    ['its IPv6 address in brackets', '[fd00::7]'],
    ['its IPv6 address and port', '[fd00::7]:8080'],
    ['another spelling of its IPv6 address', '[FD00:0:0:0::7]:8080'],
  ])('by %s', (_, text) => {
    expect(findBackend(state, text).name).toBe('pricer-1');
  });

  it.each(['pricer', '10.0.0.8', '10.0.0.7:80', '[fd00::8]', ''])('and %j is none', (text) => {
    expect(codeOf(() => findBackend(state, text))).toBe('KV0703');
  });

  it('that stays, where one that leaves has the same address', () => {
    const endpoints = [{ portName: 'http', address: '10.0.0.9', port: 8080 }];
    const w = world({ fleet: [backendOf('a', { endpoints, terminating: true }), backendOf('b', { endpoints })] });
    expect(findBackend(w.state, '10.0.0.9').name).toBe('b');
  });

  it('by nothing that two share: the candidates are told', () => {
    const endpoints = [{ portName: 'http', address: '10.0.0.9', port: 8080 }];
    const w = world({ fleet: [backendOf('a', { endpoints }), backendOf('b', { endpoints })] });
    expect(() => findBackend(w.state, '10.0.0.9')).toThrow('10.0.0.9 is several backends of shop/pricer: a, b');
  });
});

describe('over all Services', () => {
  const states = [world().state, named(world(), 'shop', 'canary').state, named(world({ fleet: 1 }), 'ops', 'x').state];

  it('a name in several Services is ambiguous, and the Services are told', () => {
    expect(() => findAnywhere(states, 'p2', anywhere)).toThrow('p2 is in several Services: shop/pricer, shop/canary');
    expect(codeOf(() => findAnywhere(states, 'p2', anywhere))).toBe('KV0704');
  });

  it('a namespace or a Service tells which is meant', () => {
    expect(findAnywhere(states, 'p1', { namespace: 'ops', name: '' }).state.service).toBe('ops/x');
    expect(findAnywhere(states, 'p2', { namespace: 'shop', name: 'canary' }).state.service).toBe('shop/canary');
  });

  it('a name without a namespace is refused', () => {
    expect(codeOf(() => findAnywhere(states, 'p2', { namespace: '', name: 'canary' }))).toBe('KV0701');
  });

  it('a Service is named by namespace and name', () => {
    expect(findService(states, 'shop', 'canary').service).toBe('shop/canary');
    expect(codeOf(() => findService(states, 'shop', 'nothing'))).toBe('KV0702');
    expect(codeOf(() => findService(states, '', 'pricer'))).toBe('KV0701');
  });
});
