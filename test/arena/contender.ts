/** A contender: pods of its own, Envoys of its own, and whoever tells them what to do. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { servingConfigYaml } from '../../demo/files.ts';
import { type Envoy, startEnvoy } from '../../demo/world/envoy.ts';
import { freePort } from '../../demo/world/ports.ts';
import { type Prometheus, startPrometheus } from '../../demo/world/prometheus.ts';
import { eventually } from '../../demo/world/wait.ts';
import type { ServiceView } from '../../engine/admin/messages.ts';
import { freePorts, type Serving, startServing } from '../support/serving.ts';
import { defaultDetection, fileEnvoy, listenerName, obeyingEnvoy, tunedDetection } from './envoys.ts';
import { endpointsFile, kubernetesObjects, namespace, type Pod, podsOf, prometheusConfig, service } from './fleet.ts';
import { policyOf } from './policy.ts';
import { startPods } from './pods.ts';
import type { ContenderName } from './recording.ts';
import { type Act, type Scenario, symptomsAt } from './scenario.ts';

export interface Contender {
  readonly pods: readonly Pod[];
  readonly envoys: readonly Envoy[];
  /** Ports of the listeners of its Envoys. */
  readonly ports: readonly number[];
  /** Resolves when it has seen its pods under load, and all is well. */
  settled(): Promise<void>;
  /** Brings pods up and down, and into the fleet, as the scenario has it now. */
  follow(): Promise<void>;
  act(what: Act['what']): Promise<void>;
}

export interface Stage {
  readonly scenario: Scenario;
  /** Seconds since the start of the scenario; negative before it. */
  readonly elapsedS: () => number;
  /** Of this contender. */
  readonly folder: string;
  readonly network: number;
  readonly envoy: string;
  readonly prometheus: string;
  readonly signal: AbortSignal;
  /** Is stopped at the end, last first. */
  keep<T extends { stop(): Promise<unknown> }>(thing: T): T;
}

/** What tells the Envoys of a contender about its endpoints. */
interface Control {
  readonly bootstrap: object;
  tell(pods: readonly Pod[]): Promise<void>;
  settled(): Promise<void>;
  act(what: Act['what']): Promise<void>;
}

const timeoutMs = 60_000;

export async function startContender(name: ContenderName, stage: Stage): Promise<Contender> {
  const { scenario, elapsedS, keep, signal } = stage;
  const port = await freePort();
  const pods = podsOf(scenario, stage.network);
  const isThere = (pod: number): boolean => (pods[pod]?.joinsAtS ?? 0) <= Math.max(0, elapsedS());
  const servers = keep(
    await startPods(pods, port, (pod) => (isThere(pod) ? symptomsAt(scenario, pod, elapsedS()) : undefined)),
  );
  const present = (): readonly Pod[] => pods.filter((_, index) => isThere(index));
  const control = await startControl(name, stage, pods, port);
  await control.tell(present());
  let told = present().length;
  const envoys: Envoy[] = [];
  for (let index = 0; index < scenario.envoys; index++) {
    envoys.push(
      keep(await startEnvoy({ executable: stage.envoy, name, bootstrap: control.bootstrap, timeoutMs, signal })),
    );
  }
  return {
    pods,
    envoys,
    ports: await Promise.all(
      envoys.map(async (envoy) => Number(new URL((await envoy.listener(listenerName)) ?? '').port)),
    ),
    settled: control.settled,
    act: control.act,
    async follow() {
      await servers.follow();
      if (present().length === told) return;
      told = present().length;
      await control.tell(present());
    },
  };
}

function startControl(name: ContenderName, stage: Stage, pods: readonly Pod[], port: number): Promise<Control> {
  switch (name) {
    case 'nothing':
      return fileControl(stage, port, undefined);
    case 'envoy-defaults':
      return fileControl(stage, port, defaultDetection);
    case 'envoy-tuned':
      return fileControl(stage, port, tunedDetection);
    case 'kubervisor':
      return kubervisorControl(stage, pods, port);
  }
}

async function fileControl({ folder }: Stage, port: number, detection: object | undefined): Promise<Control> {
  const file = join(folder, 'endpoints.json');
  return {
    bootstrap: fileEnvoy(file, detection),
    tell: (present) => replaceFile(file, endpointsFile(present, port)),
    settled: async () => {},
    act: async () => {},
  };
}

async function kubervisorControl(stage: Stage, pods: readonly Pod[], port: number): Promise<Control> {
  const { folder, scenario, keep, signal } = stage;
  const ports = await freePorts();
  await mkdir(join(folder, 'config'));
  await writeFile(join(folder, 'config/policy.json'), JSON.stringify(policyOf(scenario)));
  await writeFile(join(folder, 'kubervisor.yaml'), servingConfigYaml(ports));
  const measure = async (): Promise<Prometheus> =>
    keep(
      await startPrometheus({
        executable: stage.prometheus,
        config: prometheusConfig(pods, port),
        port: ports.prometheus,
        signal,
      }),
    );
  const serve = async (): Promise<Serving> => {
    const serving = await startServing(folder, ports);
    keep(serving.process);
    return serving;
  };
  let prometheus = await measure();
  let serving: Serving | undefined;
  return {
    bootstrap: obeyingEnvoy(ports.xds),
    async tell(present) {
      await replaceFile(join(folder, 'config/fleet.json'), kubernetesObjects(present, port));
      serving ??= await serve();
    },
    settled: async () => {
      const there = scenario.pods.filter(({ joinsAtS }) => joinsAtS === 0).length;
      await eventually(
        async () => {
          const answer = await fetch(`http://127.0.0.1:${ports.http}/api/v1/services/${namespace}/${service}`);
          const { breakers } = ((await answer.json()) as { readonly service: ServiceView }).service;
          return (
            breakers.length > 0 &&
            breakers.every(({ evaluations, settle, normal }) => evaluations > settle && normal === there)
          );
        },
        { timeoutMs: 2 * timeoutMs, everyMs: 200, what: 'Kubervisor has seen all pods well', signal },
      );
    },
    async act(what) {
      switch (what) {
        case 'Prometheus stops':
          return prometheus.process.stop();
        case 'Prometheus is back':
          prometheus = await measure();
          return;
        case 'Kubervisor is killed':
          serving?.process.kill('SIGKILL');
          return void (await serving?.process.exited);
        case 'Kubervisor is back':
          serving = await serve();
      }
    },
  };
}

/** In one piece: a reader sees the old or the new. Envoy looks for such moves only. */
async function replaceFile(file: string, content: object): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(content));
  await rename(`${file}.new`, file);
}
