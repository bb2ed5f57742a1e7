/** A server, and somebody on it who does everything right: served all the while, whatever others do. */
import { expect } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import type { XdsLimits } from '../../xds/limits.ts';
import { silentObserver, type XdsObserver } from '../../xds/observer.ts';
import { assignmentOf, endpointOf } from './assignments.ts';
import { type TestServer, xdsServer } from './xds-server.ts';
import { contents } from './xds-stream.ts';

export interface Bystander {
  readonly server: TestServer;
  /** A push and an answer of the health service arrive. */
  isServed(): Promise<void>;
  /** Streams so far, the bystander's included, and what was counted on them. */
  readonly counts: Readonly<Record<'opened' | 'open' | 'pushed' | 'nacked' | 'unknownNames' | 'unknownTypes', number>>;
  /** Nothing is left of anybody else: no stream, nobody in the book, no name. */
  untilAlone(): Promise<void>;
}

const timeoutMs = 20_000;

/** It asks for `shop/a`. */
export async function bystander(limits: Partial<XdsLimits> = {}): Promise<Bystander> {
  const counts = { opened: 0, open: 0, pushed: 0, nacked: 0, unknownNames: 0, unknownTypes: 0 };
  const observer: XdsObserver = {
    ...silentObserver,
    streamOpened() {
      counts.opened += 1;
      counts.open += 1;
    },
    streamClosed: () => void counts.open--,
    pushed: () => void counts.pushed++,
    nacked: () => void counts.nacked++,
    unknownName: () => void counts.unknownNames++,
    unknownType: () => void counts.unknownTypes++,
  };
  const server = await xdsServer([assignmentOf('a', endpointOf('10.0.0.1'))], { observer, limits });
  const client = server.connect();
  const stream = client.sotw();
  let round = 0;
  let nonce = '';
  const ask = (): void => stream.say({ node: { id: 'bystander' }, resource_names: ['shop/a'], response_nonce: nonce });
  ask();
  nonce = (await stream.next()).nonce ?? '';

  return {
    server,
    counts,
    async isServed() {
      ask();
      round += 1;
      server.cache.publish([assignmentOf('a', endpointOf(`10.0.1.${round}`))]);
      const response = await stream.next();
      nonce = response.nonce ?? '';
      expect(contents(response)).toEqual([`shop/a: 10.0.1.${round}`]);
      expect(await client.health()).toBe('SERVING');
    },
    async untilAlone() {
      await eventually(() => counts.open === 1, { timeoutMs });
      expect(server.proxies().map(({ nodeId }) => nodeId)).toEqual(['bystander']);
      expect(server.census().watchedNames).toBe(1);
    },
  };
}
