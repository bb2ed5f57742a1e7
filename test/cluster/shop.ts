/** What a cluster would hold if it had nodes and controllers: a Service, its pods, and the EndpointSlice that lists them. */
import type { Answer, KubeApi } from './kube-api.ts';

export interface PodSpec {
  readonly name: string;
  readonly ip: string;
  readonly ready?: boolean;
  readonly zone?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Shop {
  readonly namespace: string;
  service(name: string): Promise<void>;
  pod(service: string, pod: PodSpec): Promise<void>;
  deletePod(name: string): Promise<void>;
  /** Writes the one slice of a Service anew. */
  slice(service: string, pods: readonly PodSpec[]): Promise<void>;
  policy(name: string, spec: object): Promise<Answer>;
  delete(path: string): Promise<void>;
}

const policiesOf = (namespace: string): string =>
  `/apis/breaker.kubervisor.io/v1/namespaces/${namespace}/kubervisorservices`;

export async function createShop(api: KubeApi, namespace: string): Promise<Shop> {
  await done(api.post('/api/v1/namespaces', { metadata: { name: namespace } }));
  const core = `/api/v1/namespaces/${namespace}`;
  const uids = new Map<string, string>();
  return {
    namespace,
    async service(name) {
      const spec = { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] };
      await done(api.post(`${core}/services`, { metadata: { name }, spec }));
    },
    async pod(service, { name, ip, ready = true, labels = {} }) {
      const { body } = await done(
        api.post(`${core}/pods`, {
          metadata: { name, labels: { app: service, ...labels } },
          spec: { containers: [{ name: 'main', image: 'none' }] },
        }),
      );
      const pod = body as { metadata: { uid: string } };
      uids.set(name, pod.metadata.uid);
      const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: '2026-01-02T03:04:05Z' };
      const status = { phase: 'Running', podIP: ip, conditions: [condition] };
      await done(api.put(`${core}/pods/${name}/status`, { ...pod, status }));
    },
    async deletePod(name) {
      // Without a kubelet nobody would confirm its end.
      await done(api.delete(`${core}/pods/${name}?gracePeriodSeconds=0`));
    },
    async slice(service, pods) {
      const name = `${service}-1`;
      await done(
        api.apply(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices/${name}`, {
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          metadata: { name, labels: { 'kubernetes.io/service-name': service } },
          addressType: 'IPv4',
          ports: [{ name: 'http', port: 8080 }],
          endpoints: pods.map(({ name: pod, ip, ready = true, zone }) => ({
            addresses: [ip],
            conditions: { ready },
            targetRef: { kind: 'Pod', namespace, name: pod, uid: uids.get(pod) },
            ...(zone === undefined ? {} : { zone }),
          })),
        }),
      );
    },
    policy: (name, spec) =>
      api.apply(`${policiesOf(namespace)}/${name}`, {
        apiVersion: 'breaker.kubervisor.io/v1',
        kind: 'KubervisorService',
        metadata: { name },
        spec,
      }),
    async delete(path) {
      const root = path.startsWith('kubervisorservices/') ? policiesOf(namespace).replace(/\/[^/]+$/, '') : core;
      await done(api.delete(`${root}/${path}`));
    },
  };
}

/** @throws with what the API server says against it. */
export async function done(answering: Promise<Answer>): Promise<Answer> {
  const answer = await answering;
  if (answer.status >= 300) throw new Error(JSON.stringify(answer.body));
  return answer;
}
