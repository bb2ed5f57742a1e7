/**
 * Pods of one Service, in this process, each on a loopback address of its own. A sick pod has every symptom at once: its
 * queue is long, it answers 500, its prices are 0. Each breaker of a test looks at one of them.
 */
import { createServer, type Server } from 'node:http';
import { freePort } from '../../demo/world/ports.ts';

export interface Pods {
  readonly service: string;
  readonly port: number;
  readonly names: readonly string[];
  address(name: string): string;
  sick: ReadonlySet<string>;
  /** The Service and its EndpointSlice, in the namespace shop. */
  yaml(): string;
  /** For Prometheus: a target for each pod, with the labels that say who it is. */
  scrapeConfig(): object;
  stop(): Promise<void>;
}

/** Pods `SERVICE-1` and so on, on port `http` of 127.0.SUBNET.1 and so on. */
export async function startPods(service: string, subnet: number, count: number): Promise<Pods> {
  const port = await freePort();
  const names = Array.from({ length: count }, (_, index) => `${service}-${index + 1}`);
  const address = (name: string): string => `127.0.${subnet}.${names.indexOf(name) + 1}`;
  const servers = await Promise.all(
    names.map(async (name) => {
      const server = podServer(() => pods.sick.has(name));
      await new Promise<void>((resolve) => void server.listen(port, address(name), resolve));
      return server;
    }),
  );
  const pods: Pods = {
    service,
    port,
    names,
    address,
    sick: new Set(),
    yaml: () =>
      serviceYaml(
        service,
        port,
        names.map((name) => ({ name, address: address(name) })),
      ),
    scrapeConfig: () => ({
      job_name: service,
      static_configs: names.map((pod) => ({
        targets: [`${address(pod)}:${port}`],
        labels: { namespace: 'shop', pod },
      })),
    }),
    async stop() {
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
  return pods;
}

function podServer(isSick: () => boolean): Server {
  const answers = new Map([
    ['200', 0],
    ['500', 0],
  ]);
  let priceSum = 0;
  return createServer(({ url }, response) => {
    if (url === '/metrics') {
      response
        .setHeader('content-type', 'text/plain; version=0.0.4')
        .end(
          [
            `queue_depth ${isSick() ? 5000 : 10}`,
            ...[...answers].map(([code, count]) => `responses_total{code="${code}"} ${count}`),
            `price_sum ${priceSum}`,
            `price_count ${[...answers.values()].reduce((sum, count) => sum + count, 0)}`,
            '',
          ].join('\n'),
        );
      return;
    }
    const code = isSick() ? '500' : '200';
    answers.set(code, (answers.get(code) ?? 0) + 1);
    priceSum += isSick() ? 0 : 400;
    response.writeHead(Number(code)).end();
  });
}

interface Address {
  readonly name: string;
  readonly address: string;
}

function serviceYaml(service: string, port: number, pods: readonly Address[]): string {
  const endpoints = pods.map(
    ({ name, address }) =>
      `- {addresses: [${address}], conditions: {ready: true}, targetRef: {kind: Pod, name: ${name}, namespace: shop}}\n`,
  );
  return `apiVersion: v1
kind: Service
metadata: {name: ${service}, namespace: shop}
spec: {selector: {app: ${service}}, ports: [{name: http, port: 80, targetPort: ${port}}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${service}-1, namespace: shop, labels: {kubernetes.io/service-name: ${service}}}
addressType: IPv4
ports: [{name: http, port: ${port}, protocol: TCP}]
endpoints:
${endpoints.join('')}`;
}

/** Asks each cluster through Envoy again and again, so that there is something to measure. */
export function keepAsking(url: string, clusters: readonly string[]): { stop(): Promise<void> } {
  const stopped = new AbortController();
  const visit = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await Promise.all(clusters.map((cluster) => ask(url, cluster, stopped.signal)));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const visiting = visit();
  return {
    async stop() {
      stopped.abort();
      await visiting;
    },
  };
}

async function ask(url: string, cluster: string, signal: AbortSignal): Promise<void> {
  try {
    await (await fetch(url, { headers: { cluster }, signal })).arrayBuffer();
  } catch {
    // What a client sees is told by the pods, which count their answers.
  }
}
