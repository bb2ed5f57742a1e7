/**
 * The schema of the chart's values. What the serving config has under the same name is taken from there, so that a value
 * is refused by helm and not by the process that it would keep from starting.
 */
import { configSchema } from '../../engine/config/schema.ts';
import { type TSchema, Type } from '../../engine/json-schema.ts';

/** Every value may be left out: values.yaml has its default. */
function object(properties: Readonly<Record<string, TSchema>>, options: object = {}): TSchema {
  const all = Object.entries(properties).map(([name, schema]) => [name, Type.Optional(schema)] as const);
  return Type.Object(Object.fromEntries(all), { additionalProperties: false, ...options });
}

const flag = Type.Boolean();
/** Empty where that has a meaning. */
const text = Type.String({ maxLength: 2048 });
const port = Type.Integer({ minimum: 1, maximum: 65_535 });
const ports = Type.Array(port, { minItems: 1, maxItems: 20 });
const texts = Type.Unsafe({ type: 'object', additionalProperties: { type: 'string' } });
const dnsName = '[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?';
const name = Type.String({ pattern: `^${dnsName}$` });
const nameOrEmpty = Type.String({ pattern: `^(${dnsName})?$` });
const namespace = Type.String({ pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' });
const goDuration = Type.String({ pattern: '^([0-9]+(h|m|s))+$' });
const choice = (...values: readonly string[]) => Type.Enum([...values]);
const list = (items: TSchema) => Type.Array(items, { maxItems: 1000 });
/** Of which each becomes an object, or a volume, that is called so. */
const set = (items: TSchema) => Type.Array(items, { maxItems: 1000, uniqueItems: true });

const quantities = Type.Unsafe({ type: 'object', additionalProperties: { type: ['string', 'number'] } });

const labelSelector = object({
  matchLabels: texts,
  matchExpressions: list(
    object({
      key: text,
      operator: choice('In', 'NotIn', 'Exists', 'DoesNotExist'),
      values: list(text),
    }),
  ),
});

const peers = list(
  object(
    {
      podSelector: labelSelector,
      namespaceSelector: labelSelector,
      ipBlock: object({ cidr: text, except: list(text) }),
    },
    { minProperties: 1 },
  ),
);

const { xds, metricSources, defaultEnforcement, maxEjectionsPerMinute, timing } = configSchema.properties;

/** An empty one is none. */
const identity = Type.Unsafe({ ...xds.properties.identity, required: [] });

const values = object({
  nameOverride: nameOrEmpty,
  fullnameOverride: nameOrEmpty,
  replicas: Type.Integer({ minimum: 1, maximum: 100 }),
  image: object({
    repository: Type.String({ pattern: '^([a-z0-9][a-z0-9._/:-]*)?$' }),
    tag: Type.String({ pattern: '^([A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$' }),
    digest: Type.String({ pattern: '^(sha256:[a-f0-9]{64})?$' }),
    pullPolicy: choice('Always', 'IfNotPresent', 'Never'),
  }),
  imagePullSecrets: set(name),
  crds: object({ enabled: flag, keep: flag }),
  namespaces: set(namespace),
  xds: object({
    host: Type.String({ pattern: '^([0-9.]+|\\[[0-9A-Fa-f:.]+\\])$' }),
    port,
    insecure: flag,
    tls: object({
      secretName: nameOrEmpty,
      certManager: object({
        enabled: flag,
        issuerRef: object({ name: nameOrEmpty, kind: text, group: text }),
        dnsNames: list(text),
        duration: goDuration,
        renewBefore: goDuration,
      }),
      clientCa: object({ secretName: nameOrEmpty, key: text }),
    }),
    identity,
    limits: xds.properties.limits,
    service: object({ type: choice('ClusterIP', 'NodePort', 'LoadBalancer'), annotations: texts }),
  }),
  admin: object({
    auth: object({ bearerSecretName: nameOrEmpty, mtlsSecretName: nameOrEmpty }),
    httpPort: port,
    grpcPort: port,
  }),
  telemetry: object({ port }),
  metricSources,
  secrets: set(name),
  defaultEnforcement,
  maxEjectionsPerMinute,
  log: object({ level: configSchema.properties.log.properties.level }),
  timing,
  workloads: flag,
  pods: object({ evict: flag, label: flag, deletionCost: flag }),
  serviceAccount: object({ create: flag, name: nameOrEmpty, annotations: texts }),
  rbac: object({ create: flag, aggregate: flag }),
  podLabels: texts,
  podAnnotations: texts,
  resources: object({ requests: quantities, limits: quantities }),
  nodeSelector: texts,
  tolerations: list(
    object({
      key: text,
      operator: choice('Exists', 'Equal'),
      value: text,
      effect: choice('NoSchedule', 'PreferNoSchedule', 'NoExecute'),
      tolerationSeconds: Type.Integer({ minimum: 0 }),
    }),
  ),
  priorityClassName: nameOrEmpty,
  topologySpreadConstraints: list(
    object({
      topologyKey: text,
      maxSkew: Type.Integer({ minimum: 1 }),
      minDomains: Type.Integer({ minimum: 1 }),
      whenUnsatisfiable: choice('ScheduleAnyway', 'DoNotSchedule'),
    }),
  ),
  // Handing over the Envoys takes up to 20 s of it.
  terminationGracePeriodSeconds: Type.Integer({ minimum: 30, maximum: 3600 }),
  podDisruptionBudget: object({ enabled: flag, minAvailable: Type.Integer({ minimum: 1 }) }),
  networkPolicy: object({
    enabled: flag,
    xdsFrom: peers,
    metricsFrom: peers,
    adminFrom: peers,
    apiServer: object({ cidrs: list(text), ports }),
    metricSources: object({ to: peers, ports }),
    customServices: flag,
  }),
  serviceMonitor: object({ enabled: flag, interval: goDuration, labels: texts }),
  cleanup: object({ enabled: flag, timeoutSeconds: Type.Integer({ minimum: 30, maximum: 3600 }) }),
  // What Helm itself hands to a chart that is a part of another.
  global: Type.Unsafe({ type: 'object' }),
});

export function renderValuesSchema(): string {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart kubervisor',
    ...plain(values),
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** Plain JSON Schema: our own words become what a reader sees, and a map whose names have a pattern takes no other names. */
function plain(schema: TSchema): object {
  return JSON.parse(JSON.stringify(schema), (key, part: unknown) => {
    if (key === 'expected' || key === 'durationMs') return undefined;
    return typeof part === 'object' && part !== null && 'patternProperties' in part
      ? { ...part, additionalProperties: false }
      : part;
  }) as object;
}
