/** Two replicas around one store, of which one leads. */
import { expect } from 'vitest';
import type { SourceChange } from '../../engine/sources/source.ts';
import { type ClusterProcess, type ClusterStore, createClusterStore } from './cluster-store.ts';
import { createManualClock, type EngineWorld, engineWorld, pricers, settle } from './engine.ts';

export interface Replicas {
  readonly cluster: ClusterStore;
  readonly a: EngineWorld;
  readonly b: EngineWorld;
  readonly processA: ClusterProcess;
  readonly processB: ClusterProcess;
  change(...changes: readonly SourceChange[]): void;
  advance(ms: number): Promise<void>;
  stop(): Promise<void>;
}

/** Two of them; `a` leads. */
export async function twoReplicas(changes = pricers()): Promise<Replicas> {
  const cluster = createClusterStore();
  const clock = createManualClock();
  const [processA, processB] = [cluster.open('a'), cluster.open('b')];
  const a = await engineWorld(changes, { clock, shared: processA.store });
  const b = await engineWorld(changes, { clock, shared: processB.store });
  cluster.elect('a');
  await settle();
  return {
    cluster,
    a,
    b,
    processA,
    processB,
    change(...next) {
      a.change(...next);
      b.change(...next);
    },
    advance: (ms) => clock.advance(ms),
    async stop() {
      await a.stop();
      await b.stop();
    },
  };
}

/** `a` has taken p3 out, and both serve it so. */
export async function withOneOut(changes = pricers()): Promise<Replicas> {
  const replicas = await twoReplicas(changes);
  replicas.a.errors.set('p3', 9);
  await replicas.advance(4000);
  expect([replicas.a.statuses()['p3'], replicas.b.statuses()['p3']]).toEqual(['DRAINING', 'DRAINING']);
  return replicas;
}
