/** What the metrics say of a fleet, and all the ways in which they do not. */
import type { Evidence } from '../../engine/breakers/judge.ts';
import type { Gathered } from '../../engine/loop.ts';
import type { EpochMs, Fleet } from '../../engine/model.ts';
import type { Breaker } from '../../engine/policy/policy.ts';
import { evidenceOf, type Value } from '../support/fixtures.ts';
import type { Random } from '../support/random.ts';

export const metricsFaults = ['none', 'down', 'empty', 'nan', 'partial', 'jump', 'old', 'slow'] as const;

export type MetricsFault = (typeof metricsFaults)[number];

/** Whatever it does, it tells nothing about anybody. */
export function isSilent(fault: MetricsFault): boolean {
  return fault === 'down' || fault === 'empty' || fault === 'nan';
}

export interface Measured {
  readonly breaker: Breaker;
  readonly fleet: Fleet;
  readonly atMs: EpochMs;
  readonly fault: MetricsFault;
  readonly isBroken: (backend: string) => boolean;
  readonly random: Random;
}

export function measure({ breaker, fleet, atMs, fault, isBroken, random }: Measured): Gathered {
  const values = (): ReturnType<typeof evidenceOf> =>
    evidenceOf(Object.fromEntries(fleet.backends.map(({ id }) => [id, valueOf(id)])));

  function valueOf(id: string): Value {
    // Well within half of the smallest deviation that a policy allows, or a level would never be agreed on.
    const value = isBroken(id) ? random.int(200, 400) : random.int(98, 102);
    switch (fault) {
      case 'nan':
        return 'NaN';
      case 'partial':
        return random.chance(0.5) ? undefined : value;
      case 'jump':
        return value * 1_000;
      default:
        return value;
    }
  }

  const evidence: Evidence =
    fault === 'down'
      ? { kind: 'unusable', reason: 'connection refused' }
      : fault === 'empty'
        ? evidenceOf({})
        : { ...values(), long: values().samples };
  return { evidence, evaluatedAtMs: fault === 'old' ? atMs - 600_000 : atMs, lookbackMs: breaker.lookbackMs };
}
