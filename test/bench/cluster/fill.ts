/** Fills a cluster as kubelets and controllers would, as fast as the API server takes it. */
import type { KubeApi } from '../../cluster/kube-api.ts';
import { done } from '../../cluster/shop.ts';

export interface ClusterSize {
  readonly namespaces: number;
  readonly services: number;
  readonly podsOfEach: number;
}

const atOnce = 48;

export async function fillCluster(api: KubeApi, { namespaces, services, podsOfEach }: ClusterSize): Promise<void> {
  for (let index = 0; index < namespaces; index++) {
    await done(api.post('/api/v1/namespaces', { metadata: { name: `ns-${index}` } }));
  }
  const queue = Array.from({ length: services }, (_, index) => index).values();
  const work = async (): Promise<void> => {
    for (const index of queue) await fillService(api, `ns-${index % namespaces}`, index, podsOfEach);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function fillService(api: KubeApi, namespace: string, index: number, podsOfEach: number): Promise<void> {
  const name = `service-${index}`;
  const core = `/api/v1/namespaces/${namespace}`;
  const ports = [{ name: 'http', port: 80, targetPort: 8080 }];
  await done(api.post(`${core}/services`, { metadata: { name }, spec: { selector: { app: name }, ports } }));
  const endpoints: object[] = [];
  for (let each = 0; each < podsOfEach; each++) {
    const number = index * podsOfEach + each;
    const ip = `10.${1 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;
    const pod = podOf(name, each, number);
    const { body } = await done(api.post(`${core}/pods`, pod));
    const made = body as { metadata: { name: string; uid: string } };
    await done(api.put(`${core}/pods/${made.metadata.name}/status`, { ...made, status: statusOf(ip) }));
    endpoints.push({
      addresses: [ip],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: pod.spec.nodeName,
      zone: `zone-${number % 3}`,
      targetRef: { kind: 'Pod', namespace, name: made.metadata.name, uid: made.metadata.uid },
    });
  }
  await done(
    api.post(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, {
      metadata: { name: `${name}-x`, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints,
    }),
  );
  await done(
    api.post(`/apis/breaker.kubervisor.io/v1/namespaces/${namespace}/kubervisorservices`, {
      apiVersion: 'breaker.kubervisor.io/v1',
      kind: 'KubervisorService',
      metadata: { name },
      spec: {
        service: name,
        breakers: [
          // Judging has a benchmark of its own: here nothing is to happen.
          { name: 'errors', evaluationPeriod: '1h', threshold: { query: 'rate(errors[1m])', operator: '>', value: 5 } },
        ],
      },
    }),
  );
}

/** About as large as pods are: a sidecar, variables, volumes, probes. */
function podOf(service: string, each: number, number: number) {
  const env = Array.from({ length: 12 }, (_, index) => ({ name: `SETTING_${index}`, value: `value-of-${service}` }));
  const probe = { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 5 };
  const container = {
    image: 'registry.example.com/shop/service:1.2.3',
    env,
    readinessProbe: probe,
    livenessProbe: probe,
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
    volumeMounts: [{ name: 'config', mountPath: '/etc/service' }],
  };
  return {
    metadata: {
      name: `${service}-7d9c8b6f54-${each}`,
      labels: {
        app: service,
        version: 'v1',
        'pod-template-hash': '7d9c8b6f54',
        'app.kubernetes.io/name': service,
        'app.kubernetes.io/part-of': 'shop',
      },
      annotations: { 'prometheus.io/scrape': 'true', 'checksum/config': 'f'.repeat(64) },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `${service}-7d9c8b6f54`,
          uid: `uid-${service}`,
          controller: true,
        },
      ],
    },
    spec: {
      nodeName: `node-${number % 200}`,
      containers: [
        { ...container, name: 'main' },
        { ...container, name: 'proxy' },
      ],
      volumes: [{ name: 'config', configMap: { name: 'config' } }],
    },
  };
}

function statusOf(ip: string): object {
  const at = '2026-01-02T03:04:05Z';
  const containers = ['main', 'proxy'].map((name) => ({
    name,
    ready: true,
    started: true,
    restartCount: 0,
    image: 'registry.example.com/shop/service:1.2.3',
    imageID: `registry.example.com/shop/service@sha256:${'a'.repeat(64)}`,
    containerID: `containerd://${'b'.repeat(64)}`,
    state: { running: { startedAt: at } },
  }));
  return {
    phase: 'Running',
    podIP: ip,
    hostIP: '192.0.2.1',
    conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
      type,
      status: 'True',
      lastTransitionTime: at,
    })),
    containerStatuses: containers,
    startTime: at,
    qosClass: 'Burstable',
  };
}
