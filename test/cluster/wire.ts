/** A TCP proxy on loopback that can be cut, as a network between us and the API server can. */
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';

export interface Wire {
  /** `https://127.0.0.1:PORT`: the server behind it has a certificate for this address. */
  readonly url: string;
  /** Ends all connections and refuses new ones. */
  cut(): void;
  /** Keeps connections, and lets nothing through any more: half open. */
  silence(): void;
  /** Requests arrive and are obeyed, and no answer comes back. */
  deafen(): void;
  /** Whatever is said takes so much longer to arrive, each way. 0: as before. */
  slow(byMs: number): void;
  /** New connections work again. Those that were silenced stay so. */
  mend(): void;
  /** What the server behind it has said so far. */
  receivedBytes(): number;
  close(): Promise<void>;
}

export async function startWire(targetUrl: string): Promise<Wire> {
  const target = new URL(targetUrl);
  const pairs = new Set<readonly [Socket, Socket]>();
  let isCut = false;
  let isSilent = false;
  let isDeaf = false;
  let delayMs = 0;
  let received = 0;

  const server = createServer((client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [upstream, client] as const]) {
      from.on('data', (chunk) => {
        if (from === upstream) received += chunk.length;
        if (isSilent || (isDeaf && from === upstream)) return;
        if (delayMs === 0) to.write(chunk);
        else setTimeout(() => to.writable && to.write(chunk), delayMs);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has no port');

  function endAll(): void {
    for (const [client, upstream] of pairs) {
      client.destroy();
      upstream.destroy();
    }
  }

  return {
    url: `https://127.0.0.1:${address.port}`,
    cut() {
      isCut = true;
      endAll();
    },
    silence() {
      isSilent = true;
    },
    deafen() {
      isDeaf = true;
    },
    slow(byMs) {
      delayMs = byMs;
    },
    mend() {
      isCut = false;
      isSilent = false;
      isDeaf = false;
    },
    receivedBytes: () => received,
    async close() {
      endAll();
      server.close();
      await once(server, 'close');
    },
  };
}
