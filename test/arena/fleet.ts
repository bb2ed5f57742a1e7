/** Who the pods of a contender are, and how each of its programs is told. */
import type { PodFacts, Scenario } from './scenario.ts';

export const namespace = 'shop';
export const service = 'pricer';
/** By which both Envoy and Kubervisor know the endpoints. */
export const endpointsName = `${namespace}/${service}:http`;
/** Of a pod in full rotation, also where Envoy reads its endpoints from a file: so that both show the same. */
export const fullWeight = 100;

export interface Pod extends PodFacts {
  readonly name: string;
  readonly address: string;
}

/** Each contender has a loopback network of its own: a pod that is slow for one must not be slow for another. */
export function podsOf({ pods }: Scenario, network: number): readonly Pod[] {
  return pods.map((facts, index) => ({
    ...facts,
    name: `${service}-${index + 1}`,
    address: `127.${network}.0.${index + 1}`,
  }));
}

/** The Service, its EndpointSlice and its Pods, as Kubernetes would have them. JSON is YAML. */
export function kubernetesObjects(pods: readonly Pod[], port: number): object {
  const metadata = (name: string, labels: object): object => ({ name, namespace, labels });
  return {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: metadata(service, {}),
        spec: { selector: { app: service }, ports: [{ name: 'http', port: 80, targetPort: port }] },
      },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: metadata(`${service}-1`, { 'kubernetes.io/service-name': service }),
        addressType: 'IPv4',
        ports: [{ name: 'http', port, protocol: 'TCP' }],
        endpoints: pods.map(({ name, address, zone }) => ({
          addresses: [address],
          conditions: { ready: true },
          zone,
          targetRef: { kind: 'Pod', name, namespace },
        })),
      },
      ...pods.map(({ name, version }) => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: metadata(name, { app: service, version, 'pod-template-hash': version }),
      })),
    ],
  };
}

/** The same endpoints for an Envoy that reads them from a file. */
export function endpointsFile(pods: readonly Pod[], port: number): object {
  return {
    resources: [
      {
        '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
        cluster_name: endpointsName,
        endpoints: [...Map.groupBy(pods, ({ zone }) => zone)].map(([zone, inZone]) => ({
          locality: { zone },
          lb_endpoints: inZone.map(({ address }) => ({
            endpoint: { address: { socket_address: { address, port_value: port } } },
            load_balancing_weight: fullWeight,
          })),
        })),
      },
    ],
  };
}

export function prometheusConfig(pods: readonly Pod[], port: number): object {
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [
      {
        job_name: service,
        static_configs: pods.map(({ name, address }) => ({
          targets: [`${address}:${port}`],
          labels: { namespace, pod: name },
        })),
      },
    ],
  };
}
