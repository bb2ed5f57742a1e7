/**
 * The client status discovery service: what each client was sent, has accepted and has refused, from the same streams as
 * `kubervisor proxies`.
 *
 * A question may be about ten thousand clients, so it is answered in slices, and the answer never becomes one message
 * that nobody can receive: a stream gets several, a single call is told to ask for less. A client that asks and does not
 * read has one of them waiting, for as long as any client may leave a response unread.
 */
import type { Clock } from '../engine/clock.ts';
import { splitServiceKey } from '../engine/model.ts';
import type { XdsCache } from './cache.ts';
import { callTransport, endCall, type XdsCall } from './call.ts';
import { decodeStatusQuestion } from './client-status.ts';
import type { Door } from './door.ts';
import type { Grant } from './identity.ts';
import type { XdsLimits } from './limits.ts';
import { matchIds } from './node-matcher.ts';
import type { ConnectedClient } from './proxy-view.ts';
import { internalError, notReady, RequestRefused, stopping, tooMuch } from './refusal.ts';
import { createStallGuard } from './stall.ts';
import { maxStatusBytes, statusResponses } from './status-responses.ts';
import type { Streams } from './streams.ts';

export interface ClientStatus {
  /** Answers each request of a stream, in as many messages as it takes. */
  stream(call: XdsCall): void;
  /** Answers one request in one message. */
  fetch(call: XdsCall): void;
  /** Ends all of them, and turns new ones away. */
  stop(): void;
}

export interface ClientStatusOptions {
  readonly streams: Pick<Streams, 'clients'>;
  readonly cache: XdsCache;
  readonly door: Door;
  readonly limits: XdsLimits;
  readonly clock: Clock;
}

/** People and their tools; each costs what an HTTP/2 stream does. */
const maxCalls = 100;
/** Each may have a response of 4 MiB in memory, or a regular expression at work. */
const maxAnswersAtOnce = 4;

export function createClientStatus({ streams, cache, door, limits, clock }: ClientStatusOptions): ClientStatus {
  const stalls = createStallGuard(clock, limits.streamStallMs);
  const calls = new Set<XdsCall>();
  let answering = 0;
  let isStopping = false;

  /** What a client may not ask for it is not told of others either, nor who they are. */
  function createVisibility({ scope, allows }: Grant): (name: string) => boolean {
    const seesAll = scope === 'everything';
    // Ten thousand clients ask for the same few hundred names.
    const known = new Map<string, boolean>();
    return (name) => {
      const before = known.get(name);
      if (before !== undefined) return before;
      const service = cache.serviceOf(name);
      const isVisible = seesAll || (service !== undefined && allows(splitServiceKey(service).namespace));
      known.set(name, isVisible);
      return isVisible;
    };
  }

  async function answer(grant: Grant, bytes: Buffer): Promise<Responses> {
    const { matchers, withoutContents } = decodeStatusQuestion(bytes);
    const all = streams.clients();
    const ids = matchers.length === 0 ? undefined : await matchIds(matchers, [...new Set(all.map(idOf))], clock);
    const clients = ids === undefined ? all : all.filter((client) => ids.has(idOf(client)));
    return statusResponses(clients, {
      isVisible: createVisibility(grant),
      withoutWords: grant.scope !== 'everything',
      showsIdle: grant.scope === 'everything',
      withoutContents,
    });
  }

  /** `respond` sends the answer to one request, and says whether there may be another. */
  function accept(call: XdsCall, respond: (responses: Responses, send: Send) => Promise<boolean>): void {
    if (isStopping) return endCall(call, stopping);
    if (!cache.isOpen()) return endCall(call, notReady);
    if (calls.size >= maxCalls)
      return endCall(call, tooMuch(`more than ${maxCalls} calls about the status of clients`));
    const entry = door(call.getPeer());
    if (entry.kind === 'turned away') return endCall(call, entry.status);
    const { grant } = entry.peer;
    const transport = callTransport(call, stalls, () => undefined);
    const { promise: gone, reject: giveUp } = Promise.withResolvers<never>();
    gone.catch(() => undefined);
    const send: Send = (message) =>
      Promise.race([new Promise<void>((resolve) => transport.send([Buffer.alloc(0), message], resolve)), gone]);
    calls.add(call);
    call.once('cancelled', () => {
      calls.delete(call);
      giveUp(new Error('the client is gone'));
    });
    call.on('data', (bytes: Buffer) => {
      // One question at a time; the next one is not even read before.
      call.pause();
      void handle(bytes).catch((error: unknown) => {
        if (!call.cancelled) endCall(call, error instanceof RequestRefused ? error : internalError);
      });
    });
    call.once('end', () => call.end());

    async function handle(bytes: Buffer): Promise<void> {
      if (answering >= maxAnswersAtOnce) throw tooMuch('too many status questions at once; ask again');
      // Until the work is over, not until the client is gone: else asking and leaving would start any amount of it.
      answering += 1;
      try {
        const isMore = await respond(await answer(grant, bytes), send);
        if (isMore) call.resume();
        else call.end();
      } finally {
        answering -= 1;
      }
    }
  }

  return {
    stream: (call) =>
      accept(call, async (responses, send) => {
        for await (const response of responses) await send(response);
        return true;
      }),
    fetch: (call) =>
      accept(call, async (responses, send) => {
        const first = await responses.next();
        const second = await responses.next();
        if (first.done === true || second.done !== true) throw tooLong();
        await send(first.value);
        return false;
      }),
    stop() {
      isStopping = true;
      stalls.stop();
      for (const call of calls) endCall(call, stopping);
    },
  };
}

type Responses = AsyncGenerator<Buffer, void, void>;
type Send = (message: Buffer) => Promise<void>;

function idOf([{ info }]: ConnectedClient): string {
  return info.node()?.id ?? '';
}

function tooLong(): RequestRefused {
  return tooMuch(
    `the answer is longer than ${maxStatusBytes} bytes; name clients with node_matchers, leave contents out with ` +
      'exclude_resource_contents, or ask by StreamClientStatus, which answers in several messages',
  );
}
