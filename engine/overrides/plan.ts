/**
 * What the leader does next about one override. Pure, and told by what is on record, not by what this process remembers:
 * the leader before may have died between an act and the status that says so.
 */
import { type EpochMs, serviceKey } from '../model.ts';
import { durationMs } from '../policy/duration.ts';
import type { Decision } from '../rotation/decision.ts';
import type { ServiceState } from '../rotation/state.ts';
import { isBy, type Override } from './override.ts';
import type { OverrideSpec, OverrideStatus } from './schema.ts';

export type Plan =
  | { readonly kind: 'rest' }
  /** It has to be done: as a command to the engine. */
  | { readonly kind: 'act'; readonly spec: OverrideSpec }
  /** Something has become of it. */
  | { readonly kind: 'tell'; readonly status: OverrideStatus }
  /** Nobody needs it any more. */
  | { readonly kind: 'delete' };

export interface PlanTiming {
  /** How long one that is over is kept to be read. */
  readonly keptMs: number;
  /** A restore that nobody obeyed for so long is not obeyed any more: what is out by then may be another story. */
  readonly restoreWithinMs: number;
}

export const defaultPlanTiming: PlanTiming = { keptMs: 3_600_000, restoreWithinMs: 600_000 };

/** @param state of the Service that it names; undefined: there is none */
export function planFor(override: Override, state: ServiceState | undefined, now: EpochMs, timing: PlanTiming): Plan {
  const { asked, status } = override;
  const tell = (next: OverrideStatus): Plan => ({ kind: 'tell', status: statusOf(override, next, now) });
  switch (status.state) {
    case 'Refused':
    case 'Ended':
      return now - sinceMsOf(override) >= timing.keptMs ? { kind: 'delete' } : { kind: 'rest' };
    case 'InForce':
      return standing(override, state) === undefined
        ? tell({ state: 'Ended', message: whyOver(override, state, now) })
        : { kind: 'rest' };
    case 'Pending':
    case undefined: {
      if (asked.kind === 'invalid') return tell({ state: 'Refused', code: 'KV0830', message: asked.why });
      const decision = standing(override, state);
      // The leader before did it, and had no time to say so.
      if (decision !== undefined) return tell(inForce(decision));
      const limitMs = asked.spec.for === undefined ? timing.restoreWithinMs : durationMs(asked.spec.for);
      if (now - override.createdMs >= limitMs) {
        return tell({
          state: 'Ended',
          code: 'KV0831',
          message: 'its time was over before a leader obeyed it, or said so; nothing is done any more',
        });
      }
      return { kind: 'act', spec: asked.spec };
    }
    default:
      // Of a newer version, whose words we do not know.
      return { kind: 'rest' };
  }
}

/** The decision by which its backend is out for it; on the way back it is not for it any more. */
export function standing(override: Override, state: ServiceState | undefined): Decision | undefined {
  for (const decision of state?.enforced.decisions.values() ?? []) {
    if (isBy(decision, override) && isAway(decision)) return decision;
  }
  return undefined;
}

export function isAway({ state }: Decision): boolean {
  return state === 'ejected' || state === 'paused' || state === 'evicted';
}

export function inForce({ name, sinceMs, durationMs: lastsMs }: Decision): OverrideStatus {
  if (lastsMs === undefined) return { state: 'InForce', backend: name };
  const untilTime = new Date(sinceMs + lastsMs).toISOString();
  return { state: 'InForce', backend: name, untilTime, until: `${untilTime.slice(11, 19)}Z` };
}

/** Written whole: what is absent is taken away. */
export function statusOf(override: Override, next: OverrideStatus, now: EpochMs): OverrideStatus {
  const { untilTime, until, backend } = override.status;
  return {
    ...(untilTime === undefined ? {} : { untilTime }),
    ...(until === undefined ? {} : { until }),
    ...(backend === undefined ? {} : { backend }),
    ...next,
    sinceTime: new Date(next.state === override.status.state ? sinceMsOf(override) : now).toISOString(),
    observedGeneration: override.generation,
  };
}

export function serviceOf({ namespace, asked }: Override): ReturnType<typeof serviceKey> | undefined {
  return asked.kind === 'spec' ? serviceKey(namespace, asked.spec.service) : undefined;
}

function sinceMsOf({ status, createdMs }: Override): EpochMs {
  const since = Date.parse(status.sinceTime ?? '');
  return Number.isNaN(since) ? createdMs : since;
}

function whyOver({ status }: Override, state: ServiceState | undefined, now: EpochMs): string {
  if (state === undefined) return 'the Service is gone';
  if (status.untilTime !== undefined && now >= Date.parse(status.untilTime))
    return 'its time is over: the backend is on its way back';
  const backend = state.fleet.backends.find(({ name }) => name === status.backend);
  if (backend === undefined) return 'the backend is gone';
  const decision = state.enforced.decisions.get(backend.id);
  // On its way back it still carries the act that took it out, which is this very one.
  return decision?.cause.kind === 'manual' && isAway(decision)
    ? `another act is in force: by ${decision.cause.actor}`.slice(0, 1024)
    : 'it was brought back before its time';
}
