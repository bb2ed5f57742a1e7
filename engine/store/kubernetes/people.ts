/**
 * What a policy's status says to people, kept true: it goes along with each record, and by itself when only it has
 * changed, seldom, so that a status never costs the API server more than the decisions do.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../clock.ts';
import { defect } from '../../defect.ts';
import { isRecord } from '../../is-record.ts';
import type { EpochMs } from '../../model.ts';
import { maxConditions } from '../../policy/schema/status.ts';
import type { Problem } from '../../problem.ts';
import type { PolicyObject } from '../../sources/kubernetes/policy-book.ts';
import type { JsonValue } from '../store.ts';
import type { Pace } from './pace.ts';
import type { PatchResult, PatchStatus, StatusPatch } from './patch-status.ts';
import type { Holding, Shelf } from './shelf.ts';

/** @param record the body of the record it stands beside; @returns undefined where there is nothing to say yet */
export type DescribePolicy = (policy: PolicyObject, record: JsonValue | undefined) => StatusPatch | undefined;

export interface PeopleOptions {
  readonly clock: Clock;
  readonly shelf: Shelf;
  readonly pace: Pace;
  readonly patch: PatchStatus;
  readonly describe: DescribePolicy;
  /** How soon after one look at a policy the next is. */
  readonly everyMs: number;
  readonly isSaving: (holding: Holding) => boolean;
  /** What came of a write that was only for people; done is also one that was not needed. */
  readonly onWritten: (holding: Holding, result: PatchResult) => void;
  readonly onProblem: (problem: Problem) => void;
  readonly signal: AbortSignal;
}

export interface People {
  /** The fields of the status as they should be; null is without. */
  of(holding: Holding, record: JsonValue | undefined): StatusPatch;
  /** Writes what is not as it should be, of policies at which nobody has looked for a while. */
  look(): Promise<void>;
}

export function createPeople(options: PeopleOptions): People {
  const { clock, shelf, pace, patch, describe, everyMs, isSaving, onWritten, onProblem, signal } = options;
  const lookedMs = new Map<string, EpochMs>();

  function of({ object }: Holding, record: JsonValue | undefined): StatusPatch {
    try {
      const fields = describe(object, record) ?? {};
      const { conditions } = fields;
      if (!Array.isArray(conditions)) return fields;
      return { ...fields, conditions: settled(conditions, object.status, clock.now()) };
    } catch (error) {
      // Whoever reads it may do without; decisions are not to wait for it.
      onProblem(defect(`describing the state of ${object.namespace}/${object.name}`, error));
      return {};
    }
  }

  function isDue({ key, object }: Holding, nowMs: EpochMs): boolean {
    const isNews = object.status['observedGeneration'] !== object.generation;
    const sinceMs = nowMs - (lookedMs.get(key) ?? Number.NEGATIVE_INFINITY);
    // A clock that was set back must not end it.
    return sinceMs < 0 || sinceMs >= (isNews ? Math.min(newsMs, everyMs) : everyMs);
  }

  return {
    of,
    async look() {
      for (const holding of shelf.holdings()) {
        const nowMs = clock.now();
        if (signal.aborted || !pace.hasSpare()) return;
        if (!isDue(holding, nowMs) || isSaving(holding)) continue;
        lookedMs.set(holding.key, nowMs);
        const fields = of(holding, holding.kept?.record.body);
        if (isAsIs(holding.object.status, fields)) {
          onWritten(holding, { kind: 'done' });
          continue;
        }
        await pace.turn(holding.key, signal);
        // Refused or overtaken: the next look sees to it.
        const result = await patch(holding, fields);
        onWritten(holding, result);
        if (result.kind === 'refused' && result.error.status === 429) pace.holdOff(result.error.retryAfterMs ?? newsMs);
      }
      for (const key of lookedMs.keys()) if (shelf.holding(key) === undefined) lookedMs.delete(key);
    },
  };
}

/** An edit is answered sooner. */
const newsMs = 1_000;

function isAsIs(status: Readonly<Record<string, unknown>>, fields: StatusPatch): boolean {
  return Object.entries(fields).every(([name, value]) =>
    isDeepStrictEqual(status[name] ?? null, JSON.parse(JSON.stringify(value ?? null))),
  );
}

/** The time of a condition moves with its status only. Those of others stay, and ours have the room that they leave. */
function settled(
  conditions: readonly unknown[],
  status: Readonly<Record<string, unknown>>,
  nowMs: EpochMs,
): readonly JsonValue[] {
  const before = Array.isArray(status['conditions']) ? status['conditions'].filter(isRecord) : [];
  const now = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const ours = conditions.filter(isRecord).map((condition) => {
    const known = before.find(({ type }) => type === condition['type']);
    const isSame = known?.['status'] === condition['status'];
    return { ...condition, lastTransitionTime: isSame ? known?.['lastTransitionTime'] : now };
  });
  // Those have a domain in their name, ours have none.
  const foreign = before.filter(({ type }) => String(type).includes('/'));
  return [...ours.slice(0, Math.max(0, maxConditions - foreign.length)), ...foreign] as readonly JsonValue[];
}
