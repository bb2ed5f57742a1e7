/** Wires everything: the only place that reads the environment's clock and chance, and where engine and xDS meet. */

import { hostname } from 'node:os';
import { createXdsCache } from '../xds/cache.ts';
import { createGrants, everything, type Grant } from '../xds/identity.ts';
import { addReflection } from '../xds/reflection.ts';
import { reportTo } from '../xds/report.ts';
import { startXdsServer } from '../xds/server.ts';
import { createStallGuard } from '../xds/stall.ts';
import { createUnread } from '../xds/unread.ts';
import { aborted } from './aborted.ts';
import type { Acts } from './admin/acts.ts';
import { startGrpcAdmin } from './admin/grpc.ts';
import { createAdminHandlers } from './admin/handlers.ts';
import { startHttpAdmin } from './admin/http.ts';
import { loadAdminProto } from './admin/proto.ts';
import { type Readiness, startTelemetry, type Telemetry } from './admin/telemetry.ts';
import { type Clock, systemClock } from './clock.ts';
import { createClusterSide } from './cluster-side.ts';
import { type Config, loadConfig, type XdsListener, type XdsTls } from './config.ts';
import { createEngine, type Engine } from './engine.ts';
import { createGather } from './evidence.ts';
import { createInput } from './inputs.ts';
import type { KubeClient } from './kubernetes/kube-client.ts';
import { callableAddresses } from './metrics/callable.ts';
import { createCustomServices } from './metrics/custom-service.ts';
import { metricSourceProblems } from './metrics/problems.ts';
import { createMetricSources } from './metrics/registry.ts';
import { blindnessOf, unknownSourceProblems } from './metrics/unknown-source.ts';
import type { ServiceKey } from './model.ts';
import { announcing, createNotifier } from './notify.ts';
import { createOverrides, type Overrides } from './overrides/obey.ts';
import type { Breaker } from './policy/policy.ts';
import { createPolicyStatus } from './policy-status/describe.ts';
import type { Problem } from './problem.ts';
import type { SourceLog } from './sources/log-difference.ts';
import { createOutageLog } from './sources/outage-log.ts';
import { createAccessLog } from './telemetry/access-log.ts';
import { createAudit, manualActRecord } from './telemetry/audit.ts';
import { createLog, type Log } from './telemetry/log.ts';
import { measureStore } from './telemetry/measured-store.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { createObserver } from './telemetry/observer.ts';
import { createSampledLog } from './telemetry/sampled-log.ts';
import { appendTo, standardError } from './telemetry/sink.ts';
import type { SubjectName } from './tls/names.ts';
import { followTls, type Renewal, type RenewalObserver } from './tls/renewal.ts';
import { createUndo } from './undo.ts';

export interface ServeOptions {
  /** Path of the serving config. */
  readonly config: string;
  /** Aborted to end serving: SIGTERM, Ctrl-C. */
  readonly signal: AbortSignal;
  readonly version: string;
}

/**
 * Serves until the signal aborts.
 * @throws ProblemError when it cannot start: a config, state or input that cannot be read, or a port that is taken.
 */
export async function serve({ config: file, signal, version }: ServeOptions): Promise<void> {
  const config = await loadConfig(file, signal);
  const clock = systemClock;
  const stderr = standardError();
  const { log } = createLog({ level: config.log.level, sink: stderr });
  const undo = createUndo();
  undo.add(() => stderr.close());
  try {
    for (const warning of config.warnings) log.problem(warning);
    const auditFile =
      config.log.auditFile === undefined
        ? undefined
        : await appendTo(config.log.auditFile, (problem) => log.problem(problem));
    if (auditFile !== undefined) undo.add(() => auditFile.close());
    const telemetry = createMetrics({ version });
    const notifier = createNotifier();
    const audit = createAudit(log, auditFile);

    const metrics = createMetricSources({ sources: config.metricSources, clock, random: Math.random });
    undo.add(() => metrics.close());
    const whyBlind = (service: ServiceKey, breaker: Breaker): Problem | undefined =>
      blindnessOf(service, breaker, config.metricSources);
    const status = createPolicyStatus({
      stateOf: (service) => engine.state(service),
      suspension: () => engine.suspension(),
      now: () => clock.now(),
      whyBlind,
    });
    const clusterLog = createOutageLog(log);
    const {
      source,
      store: kept,
      cluster: input,
      ...inputs
    } = await createInput(
      config,
      status,
      (policy, written) => cluster?.policyWritten(policy, written),
      clock,
      log,
      clusterLog,
    );
    const store = measureStore(kept, telemetry.store, clock);
    const leads = (): boolean => store.leads?.() ?? true;
    const cluster =
      input &&
      createClusterSide({
        ...input,
        clock,
        engine: { onRecord: () => engine.onRecord(), answerEviction: (...given) => engine.answerEviction(...given) },
        leads,
        instance: config.replicas?.identity ?? hostname(),
        log,
        audit,
        metrics: telemetry.cluster,
      });
    inputs.words?.subscribe(notifier.notify);
    const told = createObserver({ log, audit, metrics: telemetry, clock, whyBlind });
    const observer = announcing(cluster?.around(told) ?? told, notifier);
    const customServices = createCustomServices({
      clock,
      resolve: (service, port) => {
        const fleet = engine.state(service)?.fleet;
        return callableAddresses(fleet, port, config.source.kind === 'files' ? 'slice' : 'pod');
      },
    });
    const xds = createXdsCache({ clock });
    const engine = createEngine({
      clock,
      source,
      store,
      gather: createGather({ metrics, customServices, clock }),
      publisher: xds,
      observer,
      timing: config.timing,
      maxEjectionsPerMinute: config.maxEjectionsPerMinute,
    });
    undo.add(() => engine.stop());

    const access = createAccessLog({ log, metrics: telemetry.access, clock });
    const tls = config.xds.tls && (await followXdsTls(config.xds.tls, clock, access.renewal));
    undo.add(() => tls?.stop());
    const inputProblems = (): readonly Problem[] => [
      ...source.problems(),
      ...unknownSourceProblems(engine.states(), config.metricSources),
    ];
    const problems = (): readonly Problem[] => [
      ...inputProblems(),
      ...engine.problems(),
      ...(inputs.storeProblems?.() ?? []),
      ...(cluster?.problems() ?? []),
      ...metricSourceProblems(metrics.health()),
      ...(tls?.problems() ?? []),
      ...(overrides?.problems() ?? []),
    ];
    let phase: Readiness['status'] = 'starting';
    const xdsServer = await startXdsServer({
      listen: config.xds.address,
      tls: tls && { source: tls, grantTo: grantsOf(config.xds) },
      cache: xds,
      clock,
      limits: { ...config.xds.limits, streamStallMs: config.timing.streamStallMs },
      observer: reportTo(telemetry.xds, log, createSampledLog(log, clock), access),
    });
    undo.add(() => xdsServer.stop());
    telemetry.readFrom({
      states: () => engine.states(),
      sourceProblems: inputProblems,
      metricSources: () => metrics.health(),
      frozen: () => store.frozen() + engine.unreadable(),
      role: () => engine.role(),
      reflectors: () => [...(inputs.reflectors?.() ?? []), ...(overrides?.health() ?? [])],
      xds: () => xdsServer.census(),
    });
    const handlers = createAdminHandlers({
      engine,
      clock,
      timing: config.timing,
      proxies: (about) => xdsServer.proxies(about),
      role: () => (store.watch === undefined ? undefined : engine.role()),
      ...(inputs.words === undefined ? {} : { words: inputs.words }),
      subscribe: notifier.subscribe,
      onAct: (act) => {
        const record = manualActRecord(act, clock.now());
        if (record !== undefined) audit.write(record);
      },
    });
    const overrides = followOverrides(config, input?.client, engine, leads, handlers, clock, log, clusterLog);
    const proto = loadAdminProto();
    const about: Telemetry = {
      readiness: () => ({ status: phase, problems: problems() }),
      metrics: () => telemetry.render(),
    };
    const http = await startHttpAdmin({ handlers, proto, listener: config.http, clock, ...about });
    undo.add(() => http.close());
    const probes = config.telemetry && (await startTelemetry(config.telemetry, about));
    undo.add(() => probes?.close());
    const stalls = createStallGuard(clock, config.timing.streamStallMs);
    undo.add(() => stalls.stop());
    const grpc = await startGrpcAdmin({
      handlers,
      proto,
      listener: config.grpcAdmin,
      clock,
      extend: (server) => addReflection(server, ['kubervisor.v1.Admin'], createUnread(stalls)),
    });
    undo.add(() => grpc.close());

    await engine.start(signal);
    void overrides?.run(signal);
    cluster?.start(signal);
    xds.open();
    phase = 'ready';
    log.info(
      {
        xds: `${xdsServer.address}:${xdsServer.port}`,
        http: `${http.host}:${http.port}`,
        grpcAdmin: `${grpc.host}:${grpc.port}`,
        ...(probes === undefined ? {} : { telemetry: `${probes.host}:${probes.port}` }),
        services: engine.states().length,
      },
      'serving',
    );
    await aborted(signal);
    // Kubernetes sends us nobody new from now on, and those who are here go where they find another replica.
    phase = 'stopping';
    log.info({ clients: xdsServer.proxies().length }, 'stopping: Envoys keep the last assignment');
    // First, so that nobody waits for us to be gone: while clients leave, we follow whoever leads now.
    await store.resign?.();
    await xdsServer.drain(config.xds.drainMs);
  } finally {
    await undo.run((problem) => log.problem(problem));
  }
}

/** In a cluster acts of people are objects. */
function followOverrides(
  { source }: Config,
  client: KubeClient | undefined,
  engine: Engine,
  leads: () => boolean,
  acts: Acts,
  clock: Clock,
  log: Log,
  clusterLog: SourceLog,
): Overrides | undefined {
  if (source.kind !== 'kubernetes' || client === undefined) return undefined;
  const { namespaces } = source;
  const onProblem = (problem: Problem): void => log.problem(problem);
  const shared = { client, clock, random: Math.random, namespaces, log: clusterLog, onProblem };
  return createOverrides({ ...shared, engine, leads, acts });
}

function followXdsTls(files: XdsTls, clock: Clock, observer: RenewalObserver): Promise<Renewal> {
  const { certFile: cert, keyFile: key, clientCaFile: ca } = files;
  return followTls({
    files: { cert, key, ...(ca === undefined ? {} : { ca }) },
    fields: { all: 'xds.tls', cert: 'xds.tls.certFile', key: 'xds.tls.keyFile', ca: 'xds.tls.clientCaFile' },
    clock,
    observer,
  });
}

/** Without rules everybody who may connect may ask for everything. */
function grantsOf({ identity }: XdsListener): (names: readonly SubjectName[]) => Grant {
  return identity === undefined ? () => everything : createGrants(identity);
}
