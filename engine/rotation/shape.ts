/**
 * Whether the fleet is changing its shape. While a rollout or a scale event is in progress caches are cold, load moves
 * and peers are strangers to each other: what stands out then is the change, and nobody new is ejected for it.
 *
 * It is read from what the cluster announces, where it does, and from who joins and who leaves. The latter holds while
 * something has moved in the last minute, so that a canary that simply stays, or a pod that only flaps, holds nothing. Both
 * hold no longer than ten minutes on end, each by itself: a fleet that never rests still loses its broken backends, and a
 * rollout that is stuck for days neither holds anybody nor hides that the fleet is scaled as well.
 */
import { type Backend, type BackendId, type EpochMs, type Fleet, members } from '../model.ts';
import { announcedChange } from './announced.ts';
import type { Timing } from './context.ts';
import type { ServiceState } from './state.ts';
import { templateOf } from './template.ts';

/** Who joined and who left the fleet of late. Not on record: a start of ours forgets a minute. */
export interface Shape {
  readonly moves: readonly Move[];
  /** Since when it has been changing without a break, by who joins and who leaves; absent: it is not. */
  readonly changingSinceMs?: EpochMs;
  /** Since when the cluster has announced one change or another without a break; absent: it has none to tell of. */
  readonly announcedSinceMs?: EpochMs;
}

interface Move {
  readonly atMs: EpochMs;
  readonly backend: BackendId;
  readonly template?: string;
  readonly by: 1 | -1;
}

export type ShapeCause = 'rollout' | 'scale-event' | 'node-drain';

export interface ShapeChange {
  readonly cause: ShapeCause;
  /** Who says so, or whom it concerns. */
  readonly detail?: string;
  readonly sinceMs: EpochMs;
  /** It has lasted longer than any change should: it holds nobody any more, until the fleet has been at rest. */
  readonly isOverdue: boolean;
}

/** Fewer that join and leave than this share of the fleet, and than two, are no scale event. */
const leastShare = 0.1;
const leastMoves = 2;

export function shapeAfter(before: ServiceState, fleet: Fleet, now: EpochMs, timing: Timing): Shape {
  const { changingSinceMs, moves } = movesAfter(before, fleet, now, timing);
  const { evictions } = before.enforced;
  const wasAnnounced = announcedChange(before.fleet, evictions, now, timing) !== undefined;
  const isAnnounced = announcedChange(fleet, evictions, now, timing) !== undefined;
  return {
    moves,
    ...(changingSinceMs === undefined ? {} : { changingSinceMs }),
    ...(isAnnounced ? { announcedSinceMs: (wasAnnounced ? before.shape.announcedSinceMs : undefined) ?? now } : {}),
  };
}

function movesAfter(
  before: ServiceState,
  fleet: Fleet,
  now: EpochMs,
  timing: Timing,
): Pick<Shape, 'moves' | 'changingSinceMs'> {
  const { shape } = before;
  // The first fleet after a start of ours, and a Service that had nobody: nothing of it moved.
  const moved = before.fleet.backends.length === 0 ? [] : movesBetween(before.fleet, fleet, now);
  if (moved.length === 0) return shape;
  const moves = [...recent(shape.moves, now, timing), ...moved];
  if (causeOf(moves, fleet) === undefined) return { moves };
  const wasChanging = causeOf(recent(shape.moves, now, timing), before.fleet) !== undefined;
  return { moves, changingSinceMs: wasChanging ? (shape.changingSinceMs ?? now) : now };
}

/** Undefined while the fleet is at rest. Of two changes the one that still holds, first the one that is announced. */
export function shapeChangeOf(state: ServiceState, now: EpochMs, timing: Timing): ShapeChange | undefined {
  const { shape, fleet, enforced } = state;
  const announced = announcedChange(fleet, enforced.evictions, now, timing);
  const moved = causeOf(recent(shape.moves, now, timing), fleet);
  const changes = [
    ...(announced === undefined ? [] : [{ ...announced, sinceMs: shape.announcedSinceMs ?? now }]),
    ...(moved === undefined ? [] : [{ cause: moved, sinceMs: shape.changingSinceMs ?? now }]),
  ].map((change): ShapeChange => ({ ...change, isOverdue: now - change.sinceMs > timing.longestChangeMs }));
  return changes.find(({ isOverdue }) => !isOverdue) ?? changes[0];
}

/** The guard that a change of shape is. */
export function shapeGuard(state: ServiceState, now: EpochMs, timing: Timing): ShapeCause | undefined {
  const change = shapeChangeOf(state, now, timing);
  return change?.isOverdue === false ? change.cause : undefined;
}

function recent(moves: readonly Move[], now: EpochMs, timing: Timing): readonly Move[] {
  return moves.filter(({ atMs }) => now - atMs <= timing.fleetRestMs);
}

function movesBetween(before: Fleet, after: Fleet, atMs: EpochMs): readonly Move[] {
  const [old, young] = [before, after].map((fleet) => new Set(members(fleet).map(({ id }) => id)));
  const moves = [
    ...members(before).flatMap((backend) => (young?.has(backend.id) ? [] : moveOf(backend, -1, atMs))),
    ...members(after).flatMap((backend) => (old?.has(backend.id) ? [] : moveOf(backend, 1, atMs))),
  ];
  return moves.sort((a, b) => (a.backend < b.backend ? -1 : 1));
}

function moveOf(backend: Backend, by: Move['by'], atMs: EpochMs): Move {
  const template = templateOf(backend);
  return { atMs, backend: backend.id, ...(template === undefined ? {} : { template }), by };
}

function causeOf(moves: readonly Move[], fleet: Fleet): 'rollout' | 'scale-event' | undefined {
  const lasting = withoutReturns(moves);
  if (isRollout(lasting, fleet)) return 'rollout';
  const joined = lasting.filter(({ by }) => by > 0).length;
  const left = lasting.length - joined;
  // One pod in place of another is what happens to pods.
  if (joined === 1 && left === 1) return undefined;
  return joined + left >= Math.max(leastMoves, leastShare * members(fleet).length) ? 'scale-event' : undefined;
}

/** Of each backend the last move, unless it is back where it was: who leaves and returns again and again moves nothing. */
function withoutReturns(moves: readonly Move[]): readonly Move[] {
  const sums = new Map<BackendId, number>();
  for (const { backend, by } of moves) sums.set(backend, (sums.get(backend) ?? 0) + by);
  const last = new Map(moves.map((move) => [move.backend, move] as const));
  return [...last.values()].filter(({ backend }) => sums.get(backend) !== 0);
}

/** One template took the place of another, or appeared beside it, or was the last of its kind to go. */
function isRollout(moves: readonly Move[], fleet: Fleet): boolean {
  const grown = new Map<string, number>();
  for (const { template, by } of moves) {
    if (template !== undefined) grown.set(template, (grown.get(template) ?? 0) + by);
  }
  const changes = [...grown.values()];
  if (changes.some((change) => change > 0) && changes.some((change) => change < 0)) return true;
  const sizes = new Map<string, number>();
  for (const backend of members(fleet)) {
    const template = templateOf(backend);
    if (template !== undefined) sizes.set(template, (sizes.get(template) ?? 0) + 1);
  }
  return [...grown].some(([template, change]) => {
    const size = sizes.get(template) ?? 0;
    const others = sizes.size - (size > 0 ? 1 : 0);
    return others > 0 && change !== 0 && (change === size || size === 0);
  });
}
