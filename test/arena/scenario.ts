/** What happens to which pods, and when. Seconds count from the moment at which everything is settled and well. */

/** What a client gets from a pod. */
export interface Symptoms {
  /** Share of its answers that are 503, from 0 to 1. */
  readonly errorShare: number;
  /** Its answers are 200 with a price of 0: no status code shows it. */
  readonly isWrong: boolean;
  /** It takes so many times as long. */
  readonly slowness: number;
  /** Nobody listens: connections are refused. */
  readonly isDown: boolean;
}

/**
 * Whose fault it is, and with it what is right: a `pod` should go out. A `shared` dependency makes all of them fail alike,
 * and `cold` pods are about to be well: whoever takes one of those out takes away capacity for nothing.
 */
export type Blame = 'pod' | 'shared' | 'cold';

export interface Fault {
  readonly blame: Blame;
  /** Numbers of pods, from 0. */
  readonly pods: readonly number[];
  readonly fromS: number;
  readonly untilS: number;
  readonly symptoms: Partial<Symptoms>;
}

/** What else happens. Only one contender needs Prometheus and Kubervisor; the others do not notice. */
export interface Act {
  readonly atS: number;
  readonly what: 'Prometheus stops' | 'Prometheus is back' | 'Kubervisor is killed' | 'Kubervisor is back';
}

export interface Scenario {
  /** For the command line and as the name of its plot. */
  readonly name: string;
  readonly title: string;
  /** For the page: what is done, and why it is hard. */
  readonly story: string;
  /** For the page: what the figures mean, and why not, where another contender has the better ones. */
  readonly lesson: string;
  readonly pods: readonly PodFacts[];
  /** Through all Envoys of a contender together. */
  readonly requestsPerSecond: number;
  /** Proxies of each contender, among which the requests are dealt out. */
  readonly envoys: number;
  readonly lengthS: number;
  readonly faults: readonly Fault[];
  readonly acts: readonly Act[];
  /** Instead of parts of the standard policy: fields of its spec. */
  readonly policy: Readonly<Record<string, unknown>>;
}

export interface PodFacts {
  readonly zone: string;
  /** Label `version`. */
  readonly version: string;
  /** Joins the fleet so late; 0 is from the start. */
  readonly joinsAtS: number;
  /** Of its answers that are 503 even when it is well. */
  readonly errorShare: number;
}

export function symptomsAt(scenario: Scenario, pod: number, atS: number): Symptoms {
  const well: Symptoms = {
    errorShare: scenario.pods[pod]?.errorShare ?? 0,
    isWrong: false,
    slowness: 1,
    isDown: false,
  };
  return activeFaults(scenario, pod, atS).reduce<Symptoms>((sum, { symptoms }) => ({ ...sum, ...symptoms }), well);
}

/** Taking it out is right. */
export function isBroken(scenario: Scenario, pod: number, atS: number): boolean {
  return activeFaults(scenario, pod, atS).some(({ blame }) => blame === 'pod');
}

function activeFaults({ faults }: Scenario, pod: number, atS: number): readonly Fault[] {
  return faults.filter(({ pods, fromS, untilS }) => pods.includes(pod) && atS >= fromS && atS < untilS);
}

/** Everything is over, and only the return is left to be seen. */
export function faultsEndS({ faults }: Scenario): number {
  return Math.max(0, ...faults.map(({ untilS }) => untilS));
}

/** Pods that must stay in: half of those that are there from the start, as every policy here has it by default. */
export function floorOf({ pods }: Scenario): number {
  return Math.ceil(pods.filter(({ joinsAtS }) => joinsAtS === 0).length / 2);
}
