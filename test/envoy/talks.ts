/** Clients that hold a conversation open, each in the way of its kind. */
import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import { talkMethod } from './talkers.ts';

/** Something that stays open between two questions. */
export interface Talk {
  /** The name of the backend that answers. @throws when the conversation has ended. */
  ask(): Promise<string>;
  /** Whether it was ended, by whomever. */
  hasEnded(): boolean;
  end(): Promise<void>;
}

const talkBy = { connection, request, webSocket, grpc, tcp };

/** `connection` is an HTTP/1.1 connection on which each question is a request; `request` is one request that goes on. */
export type TalkKind = keyof typeof talkBy;

/** Opens one to a port of 127.0.0.1; resolves when it has been answered. */
export async function startTalk(kind: TalkKind, port: number): Promise<Talk & { readonly firstAnswer: string }> {
  const talk = talkBy[kind](port);
  return { ...talk, firstAnswer: await talk.ask() };
}

/** Asks once, in a conversation of its own. */
export async function askOnce(kind: TalkKind, port: number): Promise<string> {
  const talk = talkBy[kind](port);
  const answer = await talk.ask();
  await talk.end();
  return answer;
}

function connection(port: number): Talk {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const line = createLine(() => agent.destroy());
  return {
    ...line,
    ask: () =>
      line.ask(() => {
        const sent = httpRequest({ port, agent, method: 'POST' }, (response) => {
          void text(response).then(line.heard, line.ended);
        });
        sent.on('error', line.ended).end('?');
        if (!sent.reusedSocket) sent.on('socket', (socket) => void socket.once('close', line.ended));
      }),
  };
}

function request(port: number): Talk {
  const sent = httpRequest({ port, agent: false, method: 'POST' });
  const line = createLine(() => void sent.end());
  sent.on('response', (response: IncomingMessage) => {
    response.setEncoding('utf8').on('data', line.heard).on('error', line.ended).on('close', line.ended);
  });
  sent.on('error', line.ended);
  return { ...line, ask: () => line.ask(() => void sent.write('?')) };
}

function webSocket(port: number): Talk {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  const line = createLine(() => socket.close());
  socket.addEventListener('message', ({ data }) => line.heard(String(data)));
  socket.addEventListener('close', line.ended);
  const opened = new Promise((resolve) => socket.addEventListener('open', resolve));
  return { ...line, ask: () => line.ask(() => void opened.then(() => socket.send('?'))) };
}

function grpc(port: number): Talk {
  const Client = makeGenericClientConstructor({ Talk: talkMethod }, 'Talk');
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const call = client.makeBidiStreamRequest(
    talkMethod.path,
    talkMethod.requestSerialize,
    talkMethod.responseDeserialize,
  );
  const line = createLine(() => void call.end());
  call.on('data', line.heard);
  // An error is followed by a status.
  call.on('error', () => undefined);
  call.on('status', () => {
    line.ended();
    client.close();
  });
  return { ...line, ask: () => line.ask(() => void call.write('?')) };
}

function tcp(port: number): Talk {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  const line = createLine(() => void socket.end());
  socket.on('data', line.heard).on('error', line.ended).on('close', line.ended);
  return { ...line, ask: () => line.ask(() => void socket.write('?')) };
}

/** One question at a time, and the end of it all. */
interface Line {
  heard(answer: string): void;
  readonly ended: () => void;
  ask(send: () => void): Promise<string>;
  hasEnded(): boolean;
  end(): Promise<void>;
}

function createLine(hangUp: () => void): Line {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let waiting: { readonly answer: (text: string) => void; readonly fail: (error: Error) => void } | undefined;
  let hasEnded = false;
  const fail = (): Error => new Error('the conversation has ended');
  return {
    heard(answer) {
      waiting?.answer(answer);
      waiting = undefined;
    },
    ended() {
      hasEnded = true;
      waiting?.fail(fail());
      waiting = undefined;
      resolve();
    },
    ask(send) {
      if (hasEnded) return Promise.reject(fail());
      return new Promise((answer, reject) => {
        waiting = { answer, fail: reject };
        send();
      });
    },
    hasEnded: () => hasEnded,
    async end() {
      if (!hasEnded) hangUp();
      await over;
    },
  };
}
