/**
 * The serving config as a person writes it. One schema: types, validation and what an error says was expected. The
 * defaults stand in defaults.ts and, with an explanation each, in docs/serving-config.md.
 */
import { type Static, type TSchema, Type } from '../json-schema.ts';
import { metricSourcesConfigSchema } from '../metrics/config.ts';
import { type DurationText, durationPattern } from '../policy/duration.ts';
import { logLevels } from '../telemetry/log.ts';

/** What the schema says beyond JSON Schema; shape.ts reads it. */
export interface Words {
  /** What a correct value is, as the end of the sentence "must be ...". */
  readonly expected?: string;
  /** Bounds of a duration. */
  readonly durationMs?: { readonly min: number; readonly max: number };
}

function object<Properties extends Record<string, TSchema>>(properties: Properties) {
  return Type.Object(properties, { additionalProperties: false });
}

const optional = Type.Optional;

function duration(min: number, max: number, expected: string) {
  return optional(
    Type.Unsafe<DurationText>({
      type: ['integer', 'string'],
      pattern: durationPattern,
      minimum: 0,
      durationMs: { min, max },
      expected: `a duration ${expected}`,
    } satisfies Words & Record<string, unknown>),
  );
}

function integer(minimum: number, maximum: number) {
  return optional(Type.Integer({ minimum, maximum, expected: `an integer from ${minimum} to ${maximum}` }));
}

function list<Item extends TSchema>(items: Item, expected: string) {
  return Type.Array(items, { minItems: 1, maxItems: 1000, expected });
}

function path() {
  return Type.String({ minLength: 1, maxLength: 4096, expected: 'a path' });
}

function flag() {
  return optional(Type.Boolean({ expected: 'true or false' }));
}

function choice<const Value extends string>(...values: readonly Value[]) {
  return Type.Unsafe<Value>({ type: 'string', enum: [...values], expected: `one of ${values.join(', ')}` });
}

const dnsLabelPattern = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
const dnsNamePattern = '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$';
const listenExpected = 'host:port, such as 127.0.0.1:18080 or [::1]:18080; port 0 is any free one';
const listen = optional(Type.String({ expected: listenExpected }));

const auth = object({
  bearerFile: optional(path()),
  mtls: optional(object({ caFile: path(), certFile: path(), keyFile: path() })),
});

export const configSchema = object({
  xds: optional(
    object({
      listen,
      insecure: flag(),
      drain: duration(0, 600_000, 'from 0s (at once) to 10m'),
      limits: optional(
        object({
          streamsPerSecond: integer(1, 1_000_000),
          maxRequestBytes: integer(1024, 64 * 1024 * 1024),
          maxNamesPerStream: integer(1, 1_000_000),
          maxConnections: integer(1, 1_000_000),
          maxConnectionAge: duration(0, 604_800_000, 'from 0s (never) to 168h'),
          maxConnectionAgeGrace: duration(0, 3_600_000, 'from 0s to 1h'),
        }),
      ),
      tls: optional(object({ certFile: path(), keyFile: path(), clientCaFile: optional(path()) })),
      identity: optional(
        object({
          allow: list(
            object({
              name: Type.String({ minLength: 1, maxLength: 2048, expected: 'a URI, or dns: and a name' }),
              namespaces: list(
                Type.String({ minLength: 1, maxLength: 100, expected: 'a namespace' }),
                'a list of namespaces',
              ),
            }),
            'a list of rules, each with name and namespaces',
          ),
        }),
      ),
    }),
  ),
  http: optional(object({ listen, auth: optional(auth) })),
  grpcAdmin: optional(object({ listen, auth: optional(auth) })),
  telemetry: optional(object({ listen: Type.String({ expected: listenExpected }) })),
  source: object({
    files: optional(path()),
    kubernetes: optional(
      object({
        namespaces: optional(
          list(
            Type.String({ pattern: dnsLabelPattern, maxLength: 63, expected: 'a namespace' }),
            'a list of namespaces',
          ),
        ),
        kubeconfig: optional(path()),
        context: optional(Type.String({ minLength: 1, maxLength: 253, expected: 'the name of a context' })),
        workloads: flag(),
        pods: optional(object({ evict: flag(), label: flag(), deletionCost: flag() })),
      }),
    ),
  }),
  metricSources: optional(metricSourcesConfigSchema),
  replicas: optional(
    object({
      namespace: optional(Type.String({ pattern: dnsLabelPattern, maxLength: 63, expected: 'a namespace' })),
      // What else the replicas share is called after it.
      lease: optional(Type.String({ pattern: dnsNamePattern, maxLength: 200, expected: 'the name of a Lease' })),
      identity: optional(Type.String({ minLength: 1, maxLength: 200, expected: 'a name of this replica' })),
    }),
  ),
  state: optional(path()),
  defaultEnforcement: optional(choice('Enforce', 'Observe')),
  maxEjectionsPerMinute: integer(0, 100_000),
  log: optional(object({ level: optional(choice(...logLevels)), auditFile: optional(path()) })),
  timing: optional(
    object({
      baseWindow: duration(1000, 86_400_000, 'from 1s to 24h'),
      breachDelay: duration(0, 3_600_000, 'from 0s to 1h'),
      recentEjection: duration(1000, 86_400_000, 'from 1s to 24h'),
      velocityWindow: duration(1000, 86_400_000, 'from 1s to 24h'),
      patience: duration(1000, 86_400_000, 'from 1s to 24h'),
      maxOut: duration(1000, 86_400_000, 'from 1s to 24h'),
      fleetRest: duration(0, 3_600_000, 'from 0s to 1h'),
      longestChange: duration(0, 86_400_000, 'from 0s to 24h'),
      confirmVanished: duration(0, 60_000, 'from 0s to 60s'),
      streamStall: duration(100, 3_600_000, 'from 100ms to 1h'),
      lease: duration(1000, 600_000, 'from 1s to 10m'),
      renewDeadline: duration(500, 600_000, 'from 500ms to 10m'),
      leaseRetry: duration(100, 60_000, 'from 100ms to 60s'),
    }),
  ),
});

export type ConfigFile = Static<typeof configSchema>;
export type AuthConfig = Static<typeof auth>;
type XdsConfig = NonNullable<ConfigFile['xds']>;
export type XdsTlsConfig = NonNullable<XdsConfig['tls']>;
export type IdentityConfig = NonNullable<XdsConfig['identity']>;
