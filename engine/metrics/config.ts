/**
 * The metric sources of the serving config: its schema, and what becomes of it. Sources are named here, by whoever runs
 * Kubervisor; a policy only ever names one, so that nobody who may write policies can make us call a URL.
 */
import { type Static, Type } from '../json-schema.ts';
import type { Tenancy } from './tenancy.ts';
import { type DurationText, durationPattern } from '../policy/duration.ts';

const headerPattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$";
const shut = { additionalProperties: false } as const;

function path(description: string) {
  return Type.String({ minLength: 1, maxLength: 4096, description, expected: 'a path' });
}

function duration(description: string, expected: string) {
  return Type.Unsafe<DurationText>({
    type: ['integer', 'string'],
    pattern: durationPattern,
    minimum: 0,
    description,
    expected,
  });
}

export const prometheusConfigSchema = Type.Object(
  {
    url: Type.String({
      minLength: 1,
      maxLength: 2048,
      description:
        'Base URL of anything that speaks the Prometheus query API, such as http://127.0.0.1:9090 or https://mimir/prometheus. /api/v1/query is added. Never with credentials.',
      expected: 'an http or https URL',
    }),
    timeout: Type.Optional(
      duration(
        'Longest time for one query, waiting for a free place included. Default: 5s.',
        'a duration from 100ms to 60s',
      ),
    ),
    queryOffset: Type.Optional(
      duration(
        'How far in the past queries are evaluated, for sources that get their data late (remote write: 15s to 1m). Default: 0s.',
        'a duration from 0s to 10m',
      ),
    ),
    concurrency: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100,
        description: 'Queries under way at once; the rest waits. Default: 10.',
        expected: 'an integer from 1 to 100',
      }),
    ),
    headers: Type.Optional(
      Type.Record(Type.String({ pattern: headerPattern }), Type.String({ maxLength: 1024 }), {
        description: 'Sent with each query, whoever asks.',
      }),
    ),
    tenant: Type.Optional(
      Type.Object(
        {
          header: Type.Optional(
            Type.String({
              pattern: headerPattern,
              description: 'Header that is sent with the tenant as its value, such as X-Scope-OrgID.',
              expected: 'the name of a header',
            }),
          ),
          label: Type.Optional(
            Type.String({
              pattern: '^[a-zA-Z_][a-zA-Z0-9_]{0,127}$',
              description:
                'Label that every series must bear with the tenant as its value: the matcher is added to every selector of every query.',
              expected: 'the name of a Prometheus label, such as namespace',
            }),
          ),
          value: Type.Optional(
            Type.String({
              minLength: 1,
              maxLength: 253,
              pattern: '^[ -~]*[{]namespace[}][ -~]*$',
              description:
                'The tenant: printable ASCII, where {namespace} stands for the namespace of the policy. Default: {namespace}.',
              expected: 'a text with {namespace} in it',
            }),
          ),
        },
        { ...shut, description: 'Holds each query to the namespace of its policy, by header, label or both.' },
      ),
    ),
    allowNamespaces: Type.Optional(
      Type.Array(Type.String({ pattern: '^[a-z0-9-]*[*]?[a-z0-9-]*$', minLength: 1, maxLength: 63 }), {
        maxItems: 1000,
        description: 'Namespaces whose policies may use this source; one * stands for any text. Default: all of them.',
        expected: 'a list of namespaces, such as [shop, "team-*"]',
      }),
    ),
    parameters: Type.Optional(
      Type.Record(Type.String({ minLength: 1, maxLength: 64 }), Type.String({ maxLength: 1024 }), {
        description:
          'Sent with each query, such as {partial_response: "false", dedup: "true"} for Thanos or {deny_partial_response: "1"} for VictoriaMetrics.',
      }),
    ),
    auth: Type.Optional(
      Type.Object(
        {
          basic: Type.Optional(
            Type.Object(
              {
                username: Type.String({
                  minLength: 1,
                  maxLength: 256,
                  pattern: '^[^:\\x00-\\x1f\\x7f]+$',
                  description: 'Without a colon.',
                }),
                passwordFile: path('File that holds the password; read again when it changes.'),
              },
              shut,
            ),
          ),
          bearerFile: Type.Optional(path('File that holds the token; read again when it changes.')),
        },
        { ...shut, description: 'basic or bearerFile, not both.' },
      ),
    ),
    tls: Type.Optional(
      Type.Object(
        {
          caFile: Type.Optional(path('PEM of the authorities to trust, instead of the built-in ones.')),
          certFile: Type.Optional(path('PEM of our client certificate.')),
          keyFile: Type.Optional(path('PEM of its key.')),
          serverName: Type.Optional(
            Type.String({
              minLength: 1,
              maxLength: 253,
              description: 'Name that the certificate must bear. Default: the host of the URL.',
            }),
          ),
          insecureSkipVerify: Type.Optional(Type.Boolean({ description: 'Believe any certificate. Default: false.' })),
        },
        shut,
      ),
    ),
  },
  shut,
);

const metricSourceConfigSchema = Type.Object({ prometheus: prometheusConfigSchema }, shut);

/** `metricSources` of the serving config: name to source. */
export const metricSourcesConfigSchema = Type.Record(
  Type.String({ pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' }),
  metricSourceConfigSchema,
);

export type PrometheusConfig = Static<typeof prometheusConfigSchema>;

/** A source as the engine uses it: checked, every default applied. */
export interface PrometheusSettings {
  /** Without a trailing slash, without credentials, query and fragment. */
  readonly url: string;
  readonly timeoutMs: number;
  readonly queryOffsetMs: number;
  readonly concurrency: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string>>;
  /** Absent: every namespace sees everything there is. */
  readonly tenant?: Tenancy;
  /** Absent: all of them. */
  readonly allowNamespaces?: readonly string[];
  readonly auth?: PrometheusAuth;
  readonly tls?: PrometheusTls;
}

export type PrometheusAuth =
  | { readonly kind: 'bearer'; readonly file: string }
  | { readonly kind: 'basic'; readonly username: string; readonly passwordFile: string };

export interface PrometheusTls {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly serverName?: string;
  readonly insecureSkipVerify?: boolean;
}
