/** Pods that are replaced one by one, as a rollout does it, and what stands for their Service in DNS. */
import { createServer, type Server } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';

export interface Rollout {
  readonly names: readonly string[];
  /** The Service and its EndpointSlice as they are now. */
  yaml(): string;
  /** A new pod starts on an address of its own, then the oldest ends as pods do: no new connections, and idle ones closed. */
  replaceOne(): Promise<void>;
  /** Connects to any pod there is, as the address of a Service does. */
  readonly servicePort: number;
  stop(): Promise<void>;
}

interface Pod {
  readonly name: string;
  readonly address: string;
  readonly server: Server;
}

const subnet = '127.0.41';

export async function startRollout(port: number, count: number): Promise<Rollout> {
  let pods: readonly Pod[] = [];
  let started = 0;
  const startPod = async (): Promise<void> => {
    started += 1;
    const name = `pod-${started}`;
    const address = `${subnet}.${started}`;
    const server = createServer((_, response) => void response.end(name));
    await new Promise<void>((resolve) => void server.listen(port, address, resolve));
    pods = [...pods, { name, address, server }];
  };
  for (let index = 0; index < count; index++) await startPod();

  const service = createTcpServer((client) => {
    const pod = pods[Math.floor(Math.random() * pods.length)];
    const upstream = connect(port, pod?.address);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
  });
  await new Promise<void>((resolve) => void service.listen(0, '127.0.0.1', resolve));

  return {
    get names() {
      return pods.map(({ name }) => name);
    },
    yaml: () => yamlOf(port, pods),
    async replaceOne() {
      await startPod();
      const [oldest, ...others] = pods;
      pods = others;
      if (oldest !== undefined) await endPod(oldest);
    },
    servicePort: (service.address() as AddressInfo).port,
    async stop() {
      service.close();
      await Promise.all(pods.map(endPod));
    },
  };
}

/** Resolves when its last connection is gone. */
async function endPod({ server }: Pod): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  setTimeout(() => server.closeAllConnections(), 1000).unref();
  await closed;
}

function yamlOf(port: number, pods: readonly Pod[]): string {
  const endpoints = pods.map(
    ({ name, address }) =>
      `- {addresses: [${address}], conditions: {ready: true}, targetRef: {kind: Pod, name: ${name}, namespace: shop}}\n`,
  );
  return `apiVersion: v1
kind: Service
metadata: {name: pricer, namespace: shop}
spec: {selector: {app: pricer}, ports: [{name: http, port: 80, targetPort: ${port}}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: pricer-1, namespace: shop, labels: {kubernetes.io/service-name: pricer}}
addressType: IPv4
ports: [{name: http, port: ${port}, protocol: TCP}]
endpoints:
${endpoints.join('')}`;
}
