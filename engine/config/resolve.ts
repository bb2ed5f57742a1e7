/** From a config of the right shape to one that can be used: defaults, units, absolute paths, and the rules between fields. */
import { dirname, resolve } from 'node:path';
import type { PrometheusSettings } from '../metrics/config.ts';
import { prometheusSettings } from '../metrics/settings.ts';
import { durationMs } from '../policy/duration.ts';
import type { Path } from '../policy/finding.ts';
import type { Problem } from '../problem.ts';
import type { AdminAuth, AdminListener, Config, SourceConfig, XdsListener } from './config.ts';
import { configDefaults as defaults } from './defaults.ts';
import type { ListenerName } from './cannot-listen.ts';
import { anonymityFlaws, identityRules, plainTextFlaws, xdsTls } from './xds-access.ts';
import { replicaFlaws } from './replicas.ts';
import { formatListen, isLoopback, type ListenAddress, parseListen } from './listen.ts';
import type { AuthConfig, ConfigFile } from './schema.ts';
import type { Flaw } from './shape.ts';

export interface Resolved {
  /** To be used only if there are no errors. */
  readonly config: Config;
  readonly flaws: readonly Flaw[];
  /** Of the metric sources; without a place. */
  readonly problems: readonly Problem[];
}

export function resolveConfig(given: ConfigFile, file: string): Resolved {
  const flaws: Flaw[] = [];
  const absolute = (path: string): string => resolve(dirname(file), path);
  const listeners = createListeners(flaws, absolute);
  const http = listeners.admin('http', given.http, undefined);
  const grpcAdmin = listeners.admin('grpcAdmin', given.grpcAdmin, http.auth);
  const source = sourceOf(given.source, flaws, absolute);
  const xds = listeners.xds(given.xds, source.kind);
  const telemetry = given.telemetry && listeners.telemetry(given.telemetry);
  const { settings, problems } = metricSources(given.metricSources ?? defaults.metricSources, absolute);
  const log = { ...defaults.log, ...given.log };
  const timing = { ...defaults.timing, ...given.timing };
  flaws.push(...stateFlaws(given), ...replicaFlaws(given, timing));
  const config: Config = {
    file,
    xds,
    http,
    grpcAdmin,
    ...(telemetry === undefined ? {} : { telemetry }),
    source,
    ...(source.kind === 'kubernetes' ? { replicas: { ...defaults.replicas, ...given.replicas } } : {}),
    metricSources: settings,
    stateDirectory: absolute(given.state ?? defaults.state),
    defaultEnforcement: given.defaultEnforcement ?? defaults.defaultEnforcement,
    maxEjectionsPerMinute: given.maxEjectionsPerMinute ?? defaults.maxEjectionsPerMinute,
    log: { level: log.level, ...(log.auditFile === undefined ? {} : { auditFile: absolute(log.auditFile) }) },
    timing: {
      baseWindowMs: durationMs(timing.baseWindow),
      breachDelayMs: durationMs(timing.breachDelay),
      recentEjectionMs: durationMs(timing.recentEjection),
      velocityWindowMs: durationMs(timing.velocityWindow),
      patienceMs: durationMs(timing.patience),
      maxOutMs: durationMs(timing.maxOut),
      fleetRestMs: durationMs(timing.fleetRest),
      longestChangeMs: durationMs(timing.longestChange),
      confirmVanishedMs: durationMs(timing.confirmVanished),
      streamStallMs: durationMs(timing.streamStall),
      leaseMs: durationMs(timing.lease),
      renewDeadlineMs: durationMs(timing.renewDeadline),
      leaseRetryMs: durationMs(timing.leaseRetry),
    },
    warnings: [],
  };
  return { config, flaws, problems };
}

/** Two places for decisions would be two truths. */
function stateFlaws({ source, state }: ConfigFile): readonly Flaw[] {
  if (source.kubernetes === undefined || state === undefined) return [];
  return [
    {
      code: 'KV0815',
      path: ['state'],
      at: 'key',
      message: 'is for source.files: with source.kubernetes decisions are kept in the status of the policies',
      remedy: 'remove it',
    },
  ];
}

function sourceOf(
  { files, kubernetes }: ConfigFile['source'],
  flaws: Flaw[],
  absolute: (path: string) => string,
): SourceConfig {
  if ((files === undefined) === (kubernetes === undefined)) {
    flaws.push({
      code: 'KV0504',
      path: ['source'],
      at: 'key',
      message: 'must have exactly one of files and kubernetes',
      remedy: 'source.files is a directory of Kubernetes YAML; source.kubernetes is a cluster, {} for that of this pod',
    });
  }
  if (kubernetes === undefined) return { kind: 'files', directory: absolute(files ?? '.') };
  const { namespaces = [], kubeconfig, context, workloads = true, pods } = kubernetes;
  return {
    kind: 'kubernetes',
    namespaces,
    ...(kubeconfig === undefined ? {} : { kubeconfig: absolute(kubeconfig) }),
    ...(context === undefined ? {} : { context }),
    workloads,
    pods: { ...defaults.pods, ...pods },
  };
}

type AdminFields = NonNullable<ConfigFile['http']>;

function createListeners(flaws: Flaw[], absolute: (path: string) => string) {
  const taken = new Map<string, string>();

  function addressOf(name: ListenerName, text: string): ListenAddress {
    const path = [name, 'listen'];
    const address = parseListen(text);
    if (address === undefined) {
      const message = `must be host:port, such as 127.0.0.1:18080 or [::1]:18080; found ${JSON.stringify(text)}`;
      const remedy = /^:\d+$/.test(text) ? `write 0.0.0.0${text} for all addresses` : undefined;
      flaws.push({ code: 'KV0503', path, at: 'value', message, ...(remedy === undefined ? {} : { remedy }) });
      return { host: '127.0.0.1', port: 0 };
    }
    const other = address.port === 0 ? undefined : taken.get(formatListen(address));
    taken.set(formatListen(address), name);
    if (other !== undefined) {
      flaws.push({
        code: 'KV0513',
        path,
        at: 'value',
        message: `${formatListen(address)} is also the address of ${other}`,
        remedy: 'give each listener a port of its own',
      });
    }
    return address;
  }

  function authOf(given: AuthConfig, path: Path): AdminAuth | undefined {
    const { bearerFile, mtls } = given;
    if (bearerFile !== undefined && mtls === undefined) return { kind: 'bearer', file: absolute(bearerFile) };
    if (bearerFile === undefined && mtls !== undefined) {
      const { caFile, certFile, keyFile } = mtls;
      return { kind: 'mtls', caFile: absolute(caFile), certFile: absolute(certFile), keyFile: absolute(keyFile) };
    }
    flaws.push({ code: 'KV0508', path, at: 'key', message: 'must have exactly one of bearerFile and mtls' });
    return undefined;
  }

  return {
    admin(name: 'http' | 'grpcAdmin', given: AdminFields | undefined, inherited: AdminAuth | undefined): AdminListener {
      const address = addressOf(name, given?.listen ?? defaults[name].listen);
      const path = [name, 'listen'];
      const auth = given?.auth === undefined ? inherited : authOf(given.auth, [name, 'auth']);
      if (!isLoopback(address) && auth === undefined && given?.auth === undefined) {
        flaws.push({
          code: 'KV0506',
          path,
          at: 'value',
          message: `${formatListen(address)} can be reached from other machines, and nothing says who may act`,
          remedy: `add ${name}.auth with bearerFile or mtls, or listen on 127.0.0.1`,
        });
      }
      if (!isLoopback(address) && auth?.kind === 'bearer') {
        flaws.push({
          code: 'KV0512',
          severity: 'warning',
          path,
          at: 'value',
          message: 'tokens go over the network in plain text',
          remedy: 'use mtls, or put something that speaks TLS in front and listen on 127.0.0.1',
        });
      }
      return { address, ...(auth === undefined ? {} : { auth }) };
    },

    telemetry: ({ listen }: NonNullable<ConfigFile['telemetry']>): ListenAddress => addressOf('telemetry', listen),

    xds(given: ConfigFile['xds'], kind: SourceConfig['kind']): XdsListener {
      const address = addressOf('xds', given?.listen ?? defaults.xds.listen);
      const tls = given?.tls && xdsTls(given.tls, absolute);
      const identity = given?.identity && identityRules(given.identity.allow, flaws);
      const insecure = given?.insecure ?? defaults.xds.insecure;
      flaws.push(...plainTextFlaws(address, tls, insecure), ...anonymityFlaws(address, tls, identity !== undefined));
      const { maxConnectionAge, maxConnectionAgeGrace, ...limits } = { ...defaults.xds.limits, ...given?.limits };
      return {
        address,
        ...(tls === undefined ? {} : { tls }),
        ...(identity === undefined ? {} : { identity }),
        drainMs: durationMs(given?.drain ?? defaults.xds.drain[kind]),
        limits: {
          ...limits,
          maxConnectionAgeMs: durationMs(maxConnectionAge),
          maxConnectionAgeGraceMs: durationMs(maxConnectionAgeGrace),
        },
      };
    },
  };
}

function metricSources(
  given: NonNullable<ConfigFile['metricSources']>,
  absolute: (path: string) => string,
): { readonly settings: ReadonlyMap<string, PrometheusSettings>; readonly problems: readonly Problem[] } {
  const settings = new Map<string, PrometheusSettings>();
  const problems: Problem[] = [];
  for (const [name, { prometheus }] of Object.entries(given)) {
    const result = prometheusSettings(prometheus, `metricSources.${name}.prometheus`);
    if (result.kind === 'invalid') {
      problems.push(...result.problems);
    } else {
      settings.set(name, withAbsolutePaths(result.settings, absolute));
      problems.push(...result.warnings);
    }
  }
  return { settings, problems };
}

function withAbsolutePaths(settings: PrometheusSettings, absolute: (path: string) => string): PrometheusSettings {
  const { auth, tls } = settings;
  return {
    ...settings,
    ...(auth?.kind === 'bearer' && { auth: { ...auth, file: absolute(auth.file) } }),
    ...(auth?.kind === 'basic' && { auth: { ...auth, passwordFile: absolute(auth.passwordFile) } }),
    ...(tls !== undefined && {
      tls: {
        ...tls,
        ...(tls.caFile !== undefined && { caFile: absolute(tls.caFile) }),
        ...(tls.certFile !== undefined && { certFile: absolute(tls.certFile) }),
        ...(tls.keyFile !== undefined && { keyFile: absolute(tls.keyFile) }),
      },
    }),
  };
}
