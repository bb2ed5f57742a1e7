/** A watch as server-sent events: each `data` is the JSON of one WatchResponse. */
import type { FastifyReply } from 'fastify';
import type { Clock } from '../clock.ts';
import { pump } from './pump.ts';
import { asRefusal } from './refusal.ts';

/** Proxies and load balancers cut connections that are silent for a minute. */
const heartbeatMs = 15_000;

export async function streamEvents<Event>(
  reply: FastifyReply,
  watch: (signal: AbortSignal) => AsyncGenerator<Event, void, void>,
  clock: Clock,
  closing: AbortSignal,
): Promise<void> {
  const abort = new AbortController();
  const end = (): void => abort.abort();
  closing.addEventListener('abort', end, { once: true });
  const events = watch(abort.signal);
  // A request that is refused must still get its status, so the first event is made before the head is written.
  const first = await events.next();
  const client = reply.hijack().raw;
  client.on('close', end);
  client.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  const stopHeartbeat = everyHeartbeat(clock, () => client.write(': alive\n\n'));
  try {
    const encode = (event: Event): string => `data: ${JSON.stringify(event)}\n\n`;
    await pump(prepend(first, events), client, encode, { clock, abort });
  } catch (error) {
    const { code, message } = asRefusal(error).problem;
    client.write(`event: error\ndata: ${JSON.stringify({ code, message })}\n\n`);
  } finally {
    stopHeartbeat();
    closing.removeEventListener('abort', end);
    client.end();
  }
}

async function* prepend<Event>(
  first: IteratorResult<Event, void>,
  rest: AsyncGenerator<Event, void, void>,
): AsyncGenerator<Event, void, void> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}

function everyHeartbeat(clock: Clock, beat: () => void): () => void {
  let cancel: () => void = () => undefined;
  const arm = (): void => {
    cancel = clock.at(clock.now() + heartbeatMs, () => {
      beat();
      arm();
    });
  };
  arm();
  return () => cancel();
}
