/** Writes a watch to a client at the client's speed. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Clock } from '../clock.ts';

/** A client that does not read for this long is gone, or may as well be. */
const stalledMs = 30_000;

/** Resolves when the events end or the client is gone; `abort` ends the events. */
export async function pump<Event>(
  events: AsyncIterable<Event>,
  client: Writable,
  encode: (event: Event) => unknown,
  { clock, abort }: { readonly clock: Clock; readonly abort: AbortController },
): Promise<void> {
  const signal = abort.signal;
  for await (const event of events) {
    if (signal.aborted) return;
    if (client.write(encode(event))) continue;
    const cancel = clock.at(clock.now() + stalledMs, () => {
      abort.abort();
      client.destroy();
    });
    // An abort ends the waiting, and the next turn ends the watch.
    await once(client, 'drain', { signal }).catch(() => undefined);
    cancel();
  }
}
