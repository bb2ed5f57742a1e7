/** The figures of a run, computed from every single answer. */
import type { Answer } from './load.ts';

/** Moments of the script, in milliseconds since the epoch. */
export interface Moments {
  readonly faultMs: number;
  readonly firstEjectionMs: number;
  readonly firstProbeMs: number;
  readonly secondEjectionMs: number;
  readonly healedMs: number;
  readonly recoveredMs: number;
  readonly collectiveFaultMs: number;
  readonly collectiveHealedMs: number;
}

export interface EnvoyFigures {
  readonly answers: number;
  readonly wrong: number;
  readonly wrongPercent: number;
  readonly failed: number;
  /** While one pod was broken. */
  readonly wrongDuringFault: number;
  /** From the fault to the last wrong answer before the first probe; null when they did not stop. */
  readonly faultToLastWrongMs: number | null;
  /** After the ejection took effect and before the first probe; 0 is the point of it all. */
  readonly wrongWhileEjected: number;
  /** Wrong answers of those given while the broken pod was probed, in percent. */
  readonly wrongWhileProbedPercent: number;
}

/** Requests that were under way when the endpoint went out still end where they began. */
const inFlightMs = 250;

export function figuresOf(answers: readonly Answer[], moments: Moments): EnvoyFigures {
  const between = (fromMs: number, toMs: number): readonly Answer[] =>
    answers.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  const wrong = (some: readonly Answer[]): readonly Answer[] => some.filter(({ kind }) => kind === 'wrong');

  const all = wrong(answers).length;
  const probed = between(moments.firstProbeMs, moments.secondEjectionMs);
  const beforeProbe = wrong(between(moments.faultMs, moments.firstProbeMs));
  const lastWrongMs = beforeProbe.at(-1)?.atMs ?? moments.faultMs;
  const wrongWhileEjected = wrong(between(moments.firstEjectionMs + inFlightMs, moments.firstProbeMs)).length;
  return {
    answers: answers.length,
    wrong: all,
    wrongPercent: percent(all, answers.length),
    failed: answers.filter(({ kind }) => kind === 'failed').length,
    wrongDuringFault: wrong(between(moments.faultMs, moments.healedMs)).length,
    faultToLastWrongMs: wrongWhileEjected > 0 ? null : Math.max(0, lastWrongMs - moments.faultMs),
    wrongWhileEjected,
    wrongWhileProbedPercent: percent(wrong(probed).length, probed.length),
  };
}

export function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 1000) / 10;
}
