/** The port to wherever fleets and policies come from. */
import type { Fleet, ServiceKey } from '../model.ts';
import type { Policy } from '../policy/policy.ts';
import type { Problem } from '../problem.ts';

export type SourceChange =
  | { readonly kind: 'fleet'; readonly fleet: Fleet }
  | { readonly kind: 'fleet-gone'; readonly service: ServiceKey }
  /** The policy in force for its Service: valid, and the winner where several claim the same Service. */
  | { readonly kind: 'policy'; readonly policy: Policy }
  /**
   * A policy is there but cannot be accepted (invalid, or newer than this version): the last accepted one, which is
   * stored with the decisions, stays in force.
   */
  | { readonly kind: 'policy-invalid'; readonly service: ServiceKey; readonly problems: readonly Problem[] }
  | { readonly kind: 'policy-gone'; readonly service: ServiceKey };

export interface Source {
  /**
   * Reads everything once, hands it over in one batch, then goes on watching until `signal` aborts. Resolves after the
   * first batch: until then no stream is answered (an empty answer would empty Envoy's clusters).
   * A batch is atomic: the receiver applies all of it before anything is served.
   */
  start(onChanges: (changes: readonly SourceChange[]) => void, signal: AbortSignal): Promise<void>;
  /**
   * False while part of the input has never been readable: a stored policy that is missing from the first batch is then
   * not known to be gone, and stays in force. When that changes a batch follows, an empty one if need be; while a batch is
   * handed over, the answer is about it. Absent means always complete.
   */
  isComplete?(): boolean;
  /** What is wrong with the input right now, for `/readyz`, the metrics and the log. */
  problems(): readonly Problem[];
}
