/** What a cluster would hold if it had nodes and controllers: a Service, its pods, and the EndpointSlice that lists them. */
import type { Answer, KubeApi } from './kube-api.ts';

export interface PodSpec {
  readonly name: string;
  readonly ip: string;
  readonly ready?: boolean;
  readonly hostNetwork?: boolean;
  readonly zone?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly owner?: { readonly kind: string; readonly name: string };
  /** With one it ends in its own time, as there is no kubelet: never. */
  readonly node?: string;
}

export interface WorkloadSpec {
  readonly replicas: number;
  /** Of the pod template; another one is a rollout. */
  readonly version?: string;
}

interface PodCondition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly lastTransitionTime: string;
}

type WorkloadResource = 'deployments' | 'statefulsets';

export interface Shop {
  readonly namespace: string;
  service(name: string): Promise<void>;
  pod(service: string, pod: PodSpec): Promise<void>;
  /** Such as Succeeded, as a kubelet writes it. */
  phase(pod: string, phase: string): Promise<void>;
  /** Besides those it has. */
  label(pod: string, labels: Readonly<Record<string, string>>): Promise<void>;
  deletePod(name: string): Promise<void>;
  /** As a kubelet, a node's drain or a scheduler writes it. */
  condition(pod: string, condition: PodCondition): Promise<void>;
  /** Of pods that have `app: pricer`, and no controller: they are made by hand. */
  workload(resource: WorkloadResource, name: string, spec: WorkloadSpec): Promise<void>;
  /** As its controller writes it, which has seen the newest spec. */
  workloadStatus(resource: WorkloadResource, name: string, status: object): Promise<void>;
  /** Lets a user list and watch these, by API group, and nothing else. */
  mayRead(user: string, rights: readonly (readonly [group: string, ...resources: string[]])[]): Promise<void>;
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
  const apps = `/apis/apps/v1/namespaces/${namespace}`;
  const rbacApi = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const uids = new Map<string, string>();
  return {
    namespace,
    async service(name) {
      const spec = { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] };
      await done(api.post(`${core}/services`, { metadata: { name }, spec }));
    },
    async pod(service, { name, ip, ready = true, hostNetwork, labels = {}, owner, node }) {
      const ownerReferences =
        owner === undefined ? [] : [{ apiVersion: 'apps/v1', uid: `uid-${owner.name}`, controller: true, ...owner }];
      const { body } = await done(
        api.post(`${core}/pods`, {
          metadata: { name, labels: { app: service, ...labels }, ownerReferences },
          spec: {
            containers: [{ name: 'main', image: 'none' }],
            ...(node === undefined ? {} : { nodeName: node }),
            ...(hostNetwork === true ? { hostNetwork } : {}),
          },
        }),
      );
      const pod = body as { metadata: { uid: string } };
      uids.set(name, pod.metadata.uid);
      const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: '2026-01-02T03:04:05Z' };
      const status = { phase: 'Running', podIP: ip, conditions: [condition] };
      await done(api.put(`${core}/pods/${name}/status`, { ...pod, status }));
    },
    async phase(name, phase) {
      const { body } = await done(api.get(`${core}/pods/${name}`));
      const pod = body as { status: object };
      await done(api.put(`${core}/pods/${name}/status`, { ...pod, status: { ...pod.status, phase } }));
    },
    async label(pod, labels) {
      await done(api.patch(`${core}/pods/${pod}`, { metadata: { labels } }));
    },
    async deletePod(name) {
      // Without a kubelet nobody would confirm its end.
      await done(api.delete(`${core}/pods/${name}?gracePeriodSeconds=0`));
    },
    async condition(name, condition) {
      const { body } = await done(api.get(`${core}/pods/${name}`));
      const pod = body as { status: { conditions: { type: string }[] } };
      const others = pod.status.conditions.filter(({ type }) => type !== condition.type);
      await done(
        api.put(`${core}/pods/${name}/status`, {
          ...pod,
          status: { ...pod.status, conditions: [...others, condition] },
        }),
      );
    },
    async workload(resource, name, { replicas, version = '1' }) {
      const isSet = resource === 'statefulsets';
      const labels = { app: 'pricer', workload: name };
      await done(
        api.apply(`${apps}/${resource}/${name}`, {
          apiVersion: 'apps/v1',
          kind: isSet ? 'StatefulSet' : 'Deployment',
          metadata: { name },
          spec: {
            replicas,
            selector: { matchLabels: labels },
            ...(isSet ? { serviceName: name } : {}),
            template: {
              metadata: { labels: { ...labels, version } },
              spec: { containers: [{ name: 'main', image: 'none' }] },
            },
          },
        }),
      );
    },
    async workloadStatus(resource, name, status) {
      const { body } = await done(api.get(`${apps}/${resource}/${name}`));
      const workload = body as { metadata: { generation: number } };
      const observedGeneration = workload.metadata.generation;
      await done(
        api.put(`${apps}/${resource}/${name}/status`, { ...workload, status: { observedGeneration, ...status } }),
      );
    },
    async mayRead(user, rights) {
      const rules = rights.map(([group, ...resources]) => ({
        apiGroups: [group],
        resources,
        verbs: ['list', 'watch'],
      }));
      const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: 'reader' } };
      await done(api.apply(`${rbacApi}/roles/reader`, { ...rbac, kind: 'Role', rules }));
      await done(
        api.apply(`${rbacApi}/rolebindings/reader`, {
          ...rbac,
          kind: 'RoleBinding',
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
          subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
        }),
      );
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
      const root = path.startsWith('kubervisorservices/')
        ? policiesOf(namespace).replace(/\/[^/]+$/, '')
        : path.startsWith('deployments/')
          ? apps
          : core;
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
