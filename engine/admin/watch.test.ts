import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { adminOf } from '../../test/support/admin.ts';
import { createManualClock, settle } from '../../test/support/manual-clock.ts';
import { world } from '../../test/support/world.ts';
import { pump } from './pump.ts';

const everything = { namespace: '', name: '', backends: false };

describe('a watch', () => {
  it('gives a client that comes late the latest view, not those between', async () => {
    const w = world();
    const admin = adminOf(w);
    const abort = new AbortController();
    const events = admin.handlers.watch(everything, abort.signal);
    await events.next();
    await events.next();
    for (const name of ['p1', 'p2']) {
      w.eject(name, { force: true });
      admin.changed(w.state.service);
    }
    expect((await events.next()).value).toMatchObject({ service: { summary: { ejected: 2 } } });
    const next = events.next();
    abort.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it('forgets its client when that stops pulling', async () => {
    const admin = adminOf(world());
    const events = admin.handlers.watch(everything, new AbortController().signal);
    await events.next();
    expect(admin.watchers()).toBe(1);
    await events.return();
    expect(admin.watchers()).toBe(0);
  });
});

describe('a client that does not read', () => {
  async function* endless(): AsyncGenerator<string> {
    for (;;) yield 'event';
  }

  it('is cut off after 30 s', async () => {
    const clock = createManualClock();
    const abort = new AbortController();
    const client = new Writable({ highWaterMark: 1, write: () => undefined });
    const pumped = pump(endless(), client, (event) => event, { clock, abort });
    await settle();
    await clock.advance(29_999);
    expect(client.destroyed).toBe(false);
    await clock.advance(1);
    await pumped;
    expect([client.destroyed, abort.signal.aborted]).toEqual([true, true]);
  });

  it('is not, when it was only slow', async () => {
    const clock = createManualClock();
    const abort = new AbortController();
    let written: () => void = () => undefined;
    const client = new Writable({ highWaterMark: 1, write: (_, __, done) => void (written = done) });
    const pumped = pump(endless(), client, (event) => event, { clock, abort });
    for (let index = 0; index < 5; index++) {
      await clock.advance(20_000);
      written();
      // Node tells of the drain in a turn of its own.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(client.destroyed).toBe(false);
    abort.abort();
    await pumped;
  });
});
