/** What the Envoys of a contender sent to whom, as one story without gaps: from their views to stretches of time. */
import type { View } from './recording.ts';
import type { Scenario } from './scenario.ts';

/** A stretch in which nothing changed, neither at the Envoys nor at the pods. */
export interface Stretch {
  readonly fromMs: number;
  readonly untilMs: number;
  /** Of each pod the mean over the Envoys of the share of traffic they give it; undefined while it is in no list. */
  readonly shares: readonly (number | undefined)[];
  /** Pods that are out at more than half of the Envoys that list them. */
  readonly out: ReadonlySet<number>;
}

export function stretchesOf(scenario: Scenario, views: readonly View[]): readonly Stretch[] {
  const endMs = scenario.lengthS * 1000;
  const turns = [
    ...views.map(({ atMs }) => atMs),
    ...scenario.faults.flatMap(({ fromS, untilS }) => [fromS * 1000, untilS * 1000]),
  ];
  const moments = [...new Set([0, ...turns.filter((atMs) => atMs > 0 && atMs < endMs), endMs])].sort((a, b) => a - b);
  const now = new Map<number, View>();
  const left = [...views].sort((a, b) => a.atMs - b.atMs);
  return moments.slice(0, -1).map((fromMs, index) => {
    for (; left[0] !== undefined && left[0].atMs <= fromMs; left.shift()) now.set(left[0].envoy, left[0]);
    const seen = scenario.pods.map((_, pod) => sharesOf(pod, [...now.values()]));
    return {
      fromMs,
      untilMs: moments[index + 1] ?? endMs,
      shares: seen.map((shares) => (shares.length === 0 ? undefined : shares.reduce((a, b) => a + b) / shares.length)),
      out: new Set(
        seen.flatMap((shares, pod) => (2 * shares.filter((share) => share === 0).length > shares.length ? [pod] : [])),
      ),
    };
  });
}

function sharesOf(pod: number, views: readonly View[]): readonly number[] {
  return views.flatMap(({ shares }) => {
    const share = shares[pod];
    return share === null || share === undefined ? [] : [share];
  });
}
