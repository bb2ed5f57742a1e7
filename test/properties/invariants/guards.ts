/** What holds new ejections, found by other means than the engine's. */
import type { BackendId, EpochMs } from '../../../engine/model.ts';
import { isOut } from '../../../engine/rotation/decision.ts';
import { judgesOf } from '../../../engine/rotation/judges.ts';
import { guidanceOf } from '../../../engine/rotation/unguided.ts';
import type { Moment } from '../life.ts';
import { tracks, transitions } from './moment.ts';
import { must } from './must.ts';

/** Where more than a fifth of those in service have no sample, and more than one, nobody goes and nobody rises by that. */
export function partialDataMovesNobody(moment: Moment): void {
  const { event, before } = moment;
  if (event.kind !== 'judgement' || event.judgement.kind === 'unusable') return;
  const isIn = (id: BackendId): boolean => tracks.every((track) => !isOut(before[track].decisions.get(id)));
  const inService = [...event.judgement.verdicts].filter(([id]) => isIn(id));
  const silent = inService.filter(([, verdict]) => verdict.kind === 'insufficient' && verdict.reason === 'no sample');
  if (silent.length <= Math.max(1, inService.length / 5)) return;
  for (const track of tracks) {
    const moved = transitions(moment, track).filter(
      ({ from, why }) => why === 'step-up' || (why === 'anomalous' && from === 'serving'),
    );
    must(moved.length === 0, 'I6 coverage', moved);
  }
}

/** Nobody comes back for want of data while one of those who judge it has had data within maxStale. */
export function staleKeeper(): (moment: Moment) => void {
  const heard = new Map<string, EpochMs>();
  return (moment) => {
    const { event, before, state, context } = moment;
    const { now } = context;
    for (const [name, atMs] of heard) heard.set(name, Math.min(now, atMs));
    if (event.kind === 'judgement' && event.judgement.kind !== 'unusable') {
      const { coverage, verdicts } = event.judgement;
      const { seen, of } = coverage ?? { seen: 0, of: 0 };
      const isSaid = [...verdicts.values()].some(({ kind }) => kind === 'normal' || kind === 'anomalous');
      const hasWord = isSaid || event.judgement.kind === 'fleet-wide';
      if (hasWord && of - seen <= (of < 3 ? 0 : Math.max(1, Math.floor(of / 5)))) heard.set(event.breaker, now);
    }
    // As the policy has it now: an edit of it may be the very event.
    const { maxStaleMs } = guidanceOf(state).activator;
    for (const track of tracks) {
      for (const { why, backend } of transitions(moment, track)) {
        const old = before[track].decisions.get(backend);
        if (why !== 'stale' || old === undefined || old.returning.kind !== 'evidence') continue;
        const silent = judgesOf(before, track, old).map(({ name }) => now - (heard.get(name) ?? 0));
        must(maxStaleMs !== undefined && Math.min(...silent) >= maxStaleMs, 'I6 stale', [old, silent]);
      }
    }
  };
}

/** Evictions asked for, by pod template, and no more of them in an hour than the policy allows. */
export function evictionKeeper(): (moment: Moment) => void {
  let asked: readonly { readonly template: string; readonly atMs: EpochMs }[] = [];
  return ({ effects, before, state, context: { now } }) => {
    asked = asked
      .map((each) => ({ ...each, atMs: Math.min(now, each.atMs) }))
      .filter((each) => now - each.atMs < hourMs);
    for (const effect of effects) {
      if (effect.kind !== 'evict') continue;
      const backend = before.fleet.backends.find(({ id }) => id === effect.decision.backend);
      const template = backend?.labels?.['pod-template-hash'] ?? '';
      asked = [...asked, { template, atMs: now }];
      const used = asked.filter((each) => each.template === template).length;
      const limit = guidanceOf(state).activator.maxEvictionsPerHour;
      must(used <= limit, 'I13 limit', `${used} of ${limit}`);
    }
  };
}

const hourMs = 3_600_000;

interface Picture {
  readonly atMs: EpochMs;
  readonly members: ReadonlySet<string>;
}

/** By comparing the fleet with what it was a minute ago: while it has changed a lot since, nobody new goes. */
export function shapeKeeper(): (moment: Moment) => void {
  let pictures: readonly Picture[] = [];
  let changingSinceMs: EpochMs | undefined;
  return (moment) => {
    const { before, event, state, context, isAfterCrash } = moment;
    const { now, timing } = context;
    if (isAfterCrash) [pictures, changingSinceMs] = [[], undefined];
    pictures = pictures.map((picture) => ({ ...picture, atMs: Math.min(now, picture.atMs) }));
    if (changingSinceMs !== undefined) changingSinceMs = Math.min(now, changingSinceMs);

    /** As it was a minute ago, and after everything since. */
    const lately = (): readonly Picture[] => {
      const start = pictures.findLastIndex(({ atMs }) => now - atMs > timing.fleetRestMs);
      return pictures.slice(Math.max(0, start));
    };
    const wasChanging = isMuch(lately());
    if (event.kind === 'fleet') {
      const members = new Set(state.fleet.backends.filter((b) => !b.terminating).map(({ id }) => id));
      if (before.fleet.backends.length === 0) pictures = [];
      pictures = [...lately(), { atMs: now, members }];
      const isChanging = isMuch(lately());
      changingSinceMs = isChanging ? (wasChanging ? (changingSinceMs ?? now) : now) : undefined;
    }
    if (!isMuch(lately()) || changingSinceMs === undefined) return;
    if (now - changingSinceMs > timing.longestChangeMs) return;
    for (const track of tracks) {
      const taken = transitions(moment, track).filter(
        ({ from, to, why }) => from === 'serving' && to !== 'serving' && why !== 'manual',
      );
      must(taken.length === 0, 'I7 shape', taken);
    }
  };
}

function isMuch(pictures: readonly Picture[]): boolean {
  const [first, last] = [pictures.at(0), pictures.at(-1)];
  if (first === undefined || last === undefined) return false;
  const joined = [...last.members].filter((id) => !first.members.has(id)).length;
  const left = [...first.members].filter((id) => !last.members.has(id)).length;
  const isReplacement = joined === 1 && left === 1;
  return !isReplacement && joined + left >= Math.max(2, last.members.size / 10);
}
