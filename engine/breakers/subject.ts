/** Whom a breaker looks at, and in what role. */
import type { GroupKey } from '../group-key.ts';
import type { BackendId } from '../model.ts';
import type { Trial } from './trial.ts';

export type Role =
  /** Serving, ready and warm: judged, and what the others are compared with. */
  | 'reference'
  /** Probing or ramping: judged, but never part of the reference. */
  | 'suspect'
  /** Out, young, unready, about to be ended: neither judged nor a reference. */
  | 'excluded';

export interface Subject {
  readonly id: BackendId;
  readonly role: Role;
  /** Of a suspect: what was counted of it so far. */
  readonly trial?: Trial;
  /** With groupBy. */
  readonly group?: GroupKey;
  /** It went with its whole group, for being unlike the rest. */
  readonly isOutWithGroup?: true;
}

/** One finite number per backend, or why there is none. */
export type Reading =
  | { readonly kind: 'value'; readonly value: number }
  | { readonly kind: 'missing'; readonly reason: string }
  | { readonly kind: 'invalid'; readonly reason: string };

export type Readings = ReadonlyMap<BackendId, Reading>;

/** No severity is larger: infinities would make sums and comparisons between breakers meaningless. */
export const maxSeverity = 1_000;
