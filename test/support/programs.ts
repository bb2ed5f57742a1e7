/** Real programs for one suite: stopped when it ends, however it ends, and quoted when one of its tests fails. */
import { afterAll, afterEach } from 'vitest';
import { type Envoy, type EnvoyOptions, startEnvoy } from '../../demo/world/envoy.ts';
import { type ProcessSpec, type RunningProcess, startProcess } from '../../demo/world/process.ts';
import { type Prometheus, type PrometheusOptions, startPrometheus } from '../../demo/world/prometheus.ts';

export interface Programs {
  envoy(options: EnvoyOptions): Promise<Envoy>;
  prometheus(options: PrometheusOptions): Promise<Prometheus>;
  process(spec: ProcessSpec): Promise<RunningProcess>;
  /** Anything else that must be stopped; what was started last is stopped first. */
  keep<T extends Stoppable>(thing: T): T;
}

export interface Stoppable {
  stop(): Promise<unknown>;
}

const quotedCharacters = 4000;

/** Call it in a `describe` block or at the top of a test file. */
export function usePrograms(): Programs {
  const running: Stoppable[] = [];
  const processes: RunningProcess[] = [];

  afterEach(({ task }) => {
    if (task.result?.state === 'fail') {
      for (const { name, log } of processes) {
        console.error(`--- ${name}, at the end of "${task.name}":\n${log().slice(-quotedCharacters)}`);
      }
    }
  });
  afterAll(async () => {
    const failures: unknown[] = [];
    for (const thing of running.reverse()) {
      await thing.stop().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) {
      throw new AggregateError(failures, 'not everything could be stopped');
    }
  });

  const keep = <T extends Stoppable>(thing: T): T => {
    running.push(thing);
    return thing;
  };
  const keepProgram = <T extends Stoppable & { readonly process: RunningProcess }>(program: T): T => {
    processes.push(program.process);
    return keep(program);
  };
  return {
    keep,
    envoy: async (options) => keepProgram(await startEnvoy(options)),
    prometheus: async (options) => keepProgram(await startPrometheus(options)),
    async process(spec) {
      const started = await startProcess(spec);
      processes.push(started);
      return keep(started);
    },
  };
}
