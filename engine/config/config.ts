/** The serving config as the rest uses it: checked, every default applied, times in milliseconds, paths absolute. */
import type { LeaseTiming } from '../leader/election.ts';
import type { PrometheusSettings } from '../metrics/config.ts';
import type { PodSettings } from '../pods/acts.ts';
import type { Problem } from '../problem.ts';
import type { Timing } from '../rotation/context.ts';
import type { LogLevel } from '../telemetry/log.ts';
import type { IdentityRule } from './identity-rule.ts';
import type { ListenAddress } from './listen.ts';

export interface Config {
  /** Where it was read from. */
  readonly file: string;
  readonly xds: XdsListener;
  readonly http: AdminListener;
  /** Its auth is that of `http` unless it has its own. */
  readonly grpcAdmin: AdminListener;
  /** A listener for probes and metrics alone, which need no authentication there. */
  readonly telemetry?: ListenAddress;
  readonly source: SourceConfig;
  readonly metricSources: ReadonlyMap<string, PrometheusSettings>;
  /** Absent where one process is alone with its decisions. */
  readonly replicas?: ReplicasConfig;
  readonly stateDirectory: string;
  readonly defaultEnforcement: 'Enforce' | 'Observe';
  readonly maxEjectionsPerMinute: number;
  readonly log: {
    readonly level: LogLevel;
    /** Where audit records go beside the log. */
    readonly auditFile?: string;
  };
  readonly timing: ServingTiming;
  /** What is odd but possible. */
  readonly warnings: readonly Problem[];
}

export type SourceConfig =
  | { readonly kind: 'files'; readonly directory: string }
  | {
      readonly kind: 'kubernetes';
      /** Empty: all of them. */
      readonly namespaces: readonly string[];
      readonly kubeconfig?: string;
      readonly context?: string;
      /** Whether Deployments and StatefulSets are read as well. */
      readonly workloads: boolean;
      readonly pods: PodSettings;
    };

export interface ReplicasConfig {
  /** Of the Lease, and of what else the replicas share; absent: that of this pod, `kubervisor` outside of one. */
  readonly namespace?: string;
  /** Name of the Lease whose holder leads. */
  readonly lease: string;
  /** What this replica is called; absent: as its host. */
  readonly identity?: string;
}

/** In plain text it is not reachable from other machines, unless the config says that this is meant. */
export interface XdsListener {
  readonly address: ListenAddress;
  readonly tls?: XdsTls;
  /** What clients may ask for, by their certificates; without it everybody may ask for everything. */
  readonly identity?: readonly IdentityRule[];
  readonly limits: XdsLimits;
  /** How long clients are sent to other replicas, one after the other, before we end. */
  readonly drainMs: number;
}

export interface XdsTls {
  readonly certFile: string;
  readonly keyFile: string;
  /** Clients need a certificate of one of these authorities. */
  readonly clientCaFile?: string;
}

export interface XdsLimits {
  /** New streams admitted per second; more of them wait. */
  readonly streamsPerSecond: number;
  /** Size of one request; a larger one ends its stream. */
  readonly maxRequestBytes: number;
  /** Resource names one stream may ask for; more end it. */
  readonly maxNamesPerStream: number;
  /** Connections open at once; more are closed as they come. */
  readonly maxConnections: number;
  /** After this, 10 % more or less, a client is told to connect anew; 0 is never. */
  readonly maxConnectionAgeMs: number;
  /** How long the streams of an old connection go on until they are ended. */
  readonly maxConnectionAgeGraceMs: number;
}

/** Loopback, or with `auth`. */
export interface AdminListener {
  readonly address: ListenAddress;
  readonly auth?: AdminAuth;
}

export type AdminAuth =
  /** Requests carry a token that the file has, one a line. */
  | { readonly kind: 'bearer'; readonly file: string }
  /** Clients have a certificate of this authority; the server shows its own. */
  | { readonly kind: 'mtls'; readonly caFile: string; readonly certFile: string; readonly keyFile: string };

export interface ServingTiming extends Timing, LeaseTiming {
  /** How long endpoints that vanished without explanation are kept until a second look confirms it. */
  readonly confirmVanishedMs: number;
  /** How long an xDS client may leave a response unread until its stream is closed. */
  readonly streamStallMs: number;
}
