/** What was seen of one scenario, so small that it can be kept: scores and plots are made from it at any time. */

export const contenderNames = ['nothing', 'envoy-defaults', 'envoy-tuned', 'kubervisor'] as const;
export type ContenderName = (typeof contenderNames)[number];

/** What a client makes of an answer. `lost`: no pod answered, the proxy did, or nobody. */
export const verdicts = ['good', 'error', 'wrong', 'slow', 'lost'] as const;
export type Verdict = (typeof verdicts)[number];

/** When it was sent, as the client saw it end: number of the pod, or -1. Three numbers, since there are ten thousands. */
export type Answer = readonly [sentMs: number, pod: number, verdict: number];

/** From now on this proxy sends each pod so much of its full share: 0 is out, 1 is in, null is not in its list. */
export interface View {
  readonly atMs: number;
  readonly envoy: number;
  readonly shares: readonly (number | null)[];
}

export interface ContenderRecording {
  readonly answers: readonly Answer[];
  /** Whenever something changed, in the order of time; the first of each proxy is at the start. */
  readonly views: readonly View[];
}

export interface Recording {
  readonly scenario: string;
  readonly contenders: Readonly<Record<ContenderName, ContenderRecording>>;
  /** How late the worst request was sent: above some tens of milliseconds the machine was too busy for these figures. */
  readonly latestSendMs: number;
}
