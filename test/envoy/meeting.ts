/** Something open between a client and one backend through a real Envoy, and what becomes of it. */
import type { Envoy } from '../../demo/world/envoy.ts';
import type { Port } from './talkers.ts';
import { askOnce, startTalk, type Talk, type TalkKind } from './talks.ts';

export interface Subject {
  /** Its row in docs/long-lived.md. */
  readonly row: string;
  readonly kind: TalkKind;
  readonly port: Port;
  /** `open`: it goes on while we look. Otherwise we look at Envoy's connection: nothing uses it, or what used it ended. */
  readonly state: 'open' | 'idle' | 'ended';
}

export const subjects = [
  { row: 'HTTP/1.1 connection, idle', kind: 'connection', port: 'http', state: 'idle' },
  { row: 'HTTP/1.1 connection, when its request ends', kind: 'request', port: 'http', state: 'ended' },
  { row: 'HTTP/1.1 request under way', kind: 'request', port: 'http', state: 'open' },
  { row: 'WebSocket', kind: 'webSocket', port: 'http', state: 'open' },
  { row: 'HTTP/2 connection, idle', kind: 'grpc', port: 'grpc', state: 'idle' },
  { row: 'HTTP/2 connection, when its last stream ends', kind: 'grpc', port: 'grpc', state: 'ended' },
  { row: 'gRPC stream', kind: 'grpc', port: 'grpc', state: 'open' },
  { row: 'TCP through tcp_proxy', kind: 'tcp', port: 'tcp', state: 'open' },
] as const satisfies readonly Subject[];

export interface Meeting {
  readonly subject: Subject;
  /** Who answers what begins now, asked as often as there are backends: each that is in rotation comes up. */
  askAnew(): Promise<readonly string[]>;
  /** In the words of the page. Ends what is to be seen ending, so it is asked once. */
  outcome(): Promise<string>;
  /** What else Envoy counts of the cluster. */
  stat(name: string): Promise<number>;
  end(): Promise<void>;
}

export interface MeetingOptions {
  readonly envoy: Envoy;
  /** Of a cluster and its listener. */
  readonly route: string;
  readonly backends: readonly string[];
  /** Whom the talk is with. */
  readonly partner: string;
}

/** Opens a connection to each backend, so that it shows whose are closed, and keeps up the talk with one. */
export async function meet(subject: Subject, { envoy, route, backends, partner }: MeetingOptions): Promise<Meeting> {
  const { kind, state } = subject;
  const port = Number(new URL((await envoy.listener(route)) ?? '').port);
  const stat = async (name: string): Promise<number> => (await envoy.stats(`cluster.${route}.${name}`)) ?? 0;
  const talk =
    kind === 'connection' ? await startTalk(kind, port) : await talkWith(partner, kind, port, backends.length);
  const round = async (): Promise<readonly string[]> => {
    const answers: string[] = [];
    for (const _ of backends) answers.push(await (kind === 'connection' ? talk.ask() : askOnce(kind, port)));
    return answers;
  };
  if (kind === 'connection') await round();
  else if (state === 'idle') await talk.end();
  const closedBefore = await stat('upstream_cx_destroy');

  return {
    subject,
    async askAnew() {
      // Envoy's main thread shows endpoints a moment before its worker has them: the first round may overtake them.
      await round();
      return round();
    },
    stat,
    async outcome() {
      if (state === 'open') return talk.hasEnded() ? 'is cut' : `goes on${await elsewhere(talk, partner)}`;
      if (state === 'ended') await talk.end();
      // One thread closes connections and answers questions: what it began to close before the question is closed.
      await round();
      const closed = (await stat('upstream_cx_destroy')) - closedBefore;
      return closed === 0 ? 'stays open' : closed === 1 ? 'is closed' : 'is closed, and so are all others';
    },
    end: () => talk.end(),
  };
}

/** Nobody picks up a conversation of somebody else's; if that happened it would show. */
async function elsewhere(talk: Talk, partner: string): Promise<string> {
  const answer = await talk.ask();
  return answer === partner ? '' : ` with ${answer}`;
}

/** Of as many talks as there are backends, each is with another. */
async function talkWith(partner: string, kind: TalkKind, port: number, backends: number): Promise<Talk> {
  const talks = await Promise.all(Array.from({ length: backends }, () => startTalk(kind, port)));
  let found: Talk | undefined;
  for (const talk of talks) {
    if (talk.firstAnswer === partner) found = talk;
    else await talk.end();
  }
  if (found === undefined) throw new Error(`no ${kind} reached ${partner}`);
  return found;
}
