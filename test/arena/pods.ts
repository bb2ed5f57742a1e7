/** The pods of one contender: real HTTP servers in this process, each on an address of its own, as sick as the scenario says. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Pod } from './fleet.ts';
import { luckHeader, readLuck, usualMs } from './requests.ts';
import type { Symptoms } from './scenario.ts';

export interface Pods {
  /** Opens those that should listen now, and closes those that should not. */
  follow(): Promise<void>;
  stop(): Promise<void>;
}

/** @param symptoms of a pod at this moment; undefined while it does not exist */
export async function startPods(
  pods: readonly Pod[],
  port: number,
  symptoms: (pod: number) => Symptoms | undefined,
): Promise<Pods> {
  const servers = pods.map(({ name }, index) => podServer(name, () => symptoms(index)));
  const follow = async (): Promise<void> => {
    await Promise.all(
      servers.map(async (server, index) => {
        const now = symptoms(index);
        const shouldListen = now !== undefined && !now.isDown;
        if (shouldListen === server.listening) return;
        await (shouldListen ? listen(server, port, pods[index]?.address ?? '') : close(server));
      }),
    );
  };
  await follow();
  return {
    follow,
    stop: async () => void (await Promise.all(servers.filter(({ listening }) => listening).map(close))),
  };
}

function podServer(name: string, symptoms: () => Symptoms | undefined): Server {
  const totals = { '200': 0, '503': 0, priceSum: 0, durationSum: 0 };

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const now = symptoms();
    if (now === undefined) return void request.destroy();
    const luck = readLuck(String(request.headers[luckHeader]));
    const tookMs = now.slowness * (usualMs.least + luck.duration * (usualMs.most - usualMs.least));
    setTimeout(() => {
      const code = luck.error < now.errorShare ? 503 : 200;
      const price = now.isWrong ? 0 : 360 + 80 * luck.price;
      totals[code] += 1;
      totals.durationSum += tookMs / 1000;
      if (code === 200) totals.priceSum += price;
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify({ pod: name, price }));
    }, tookMs);
  };
  const metrics = (response: ServerResponse): void => {
    response
      .setHeader('content-type', 'text/plain; version=0.0.4')
      .end(
        [
          `responses_total{code="200"} ${totals[200]}`,
          `responses_total{code="503"} ${totals[503]}`,
          `price_sum ${totals.priceSum}`,
          `price_count ${totals[200]}`,
          `duration_seconds_sum ${totals.durationSum}`,
          `duration_seconds_count ${totals[200] + totals[503]}`,
          '',
        ].join('\n'),
      );
  };
  const server = createServer((request, response) =>
    request.url === '/metrics' ? metrics(response) : answer(request, response),
  );
  server.keepAliveTimeout = 60_000;
  return server;
}

function listen(server: Server, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
