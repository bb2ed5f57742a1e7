/** The play, in its first five acts; the sixth is replay.ts. Each waits for what must happen, and checks that nothing else did. */
import type { BackendView, WhyResponse } from '../engine/admin/messages.ts';
import { pods } from './cast.ts';
import type { Moments } from './figures.ts';
import type { Stage } from './stage.ts';
import { eventually } from './world/wait.ts';

export interface Play {
  readonly moments: Moments;
  /** Backends that were out at any moment while five of six were bad. */
  readonly outInCollectiveFailure: number;
  /** What `why` said of a bad pod while five of six were bad. */
  readonly why: WhyResponse;
}

export interface Direction {
  /** Announces an act, or a moment in it. */
  act(title: string): void;
  moment(text: string): void;
  readonly signal: AbortSignal;
}

/** Waits until the probe gives something; a probe that throws ends the play. */
type Until = <T>(what: string, probe: () => T | false | undefined) => Promise<T>;

const broken = 'pricer-3';
const five = pods.slice(0, 5).map(({ name }) => name);
/** How long "nobody is ejected" is watched, and all is watched while it is well. */
const watchMs = 8000;
const wellMs = 3000;
const patienceMs = 30_000;

export async function play(stage: Stage, { act, moment, signal }: Direction): Promise<Play> {
  const until: Until = async (what, probe) => {
    const outcome = await eventually(() => attempt(stage, probe), { timeoutMs: patienceMs, what, everyMs: 25, signal });
    if (outcome.kind === 'broken') throw outcome.error;
    return outcome.value;
  };
  const isIn = (name: string, ...states: readonly BackendView['state'][]): BackendView | false => {
    const backend = stage.observer.backend(name);
    return backend !== undefined && states.includes(backend.state) && backend;
  };

  act('1. All is well');
  await until('the breaker has settled and finds everyone normal', () => {
    const breaker = stage.observer.view()?.breakers[0];
    return breaker !== undefined && breaker.evaluations > breaker.settle && breaker.normal === pods.length;
  });
  await watch(wellMs, until, () => assertNobodyOut(stage));

  act(`2. ${broken} answers HTTP 200 with price 0`);
  const faultMs = Date.now();
  await stage.spoil([broken]);
  const ejected = await until(`${broken} is ejected`, () => isIn(broken, 'ejected'));
  const firstEjectionMs = sinceMs(ejected);
  moment(`ejected ${seconds(firstEjectionMs - faultMs)} after the fault: ${ejected.reason}`);
  const probing = await until(`${broken} is probed`, () => isIn(broken, 'probing'));
  moment(`its time is over: probing at weight ${probing.weightPercent} of 100`);
  const again = await until(`${broken}, still bad, is out again`, () => isIn(broken, 'ejected', 'ramping', 'serving'));
  if (again.state !== 'ejected') throw new Error(`${broken} is still bad and yet ${again.state}`);
  moment(`still bad: out again, retry ${again.decision?.retries}`);

  act(`3. ${broken} heals`);
  const healedMs = Date.now();
  await stage.heal([broken]);
  const ramping = await until(`${broken} ramps`, () => isIn(broken, 'ramping', 'serving'));
  moment(`fresh samples are normal: ${ramping.state} at weight ${ramping.weightPercent}`);
  const recovered = await until(`${broken} serves in full`, () => isIn(broken, 'serving'));
  moment('serving in full');

  act('4. Five of six turn bad at once: a shared dependency');
  const collectiveFaultMs = Date.now();
  await stage.spoil(five);
  const seenOut = new Set<string>();
  const look = (): void => {
    for (const { name } of outOf(stage)) seenOut.add(name);
    assertNobodyOut(stage);
  };
  await until('the breaker sees the whole fleet moved', () => {
    look();
    return stage.observer.view()?.breakers[0]?.outcome === 'fleet-wide';
  });
  await watch(watchMs, until, look);
  const why = await stage.observer.why('pricer-1');
  moment(`nobody is ejected. why pricer-1: ${why.conclusion}`);

  act('5. The dependency is back');
  const collectiveHealedMs = Date.now();
  await stage.heal(five);
  await until('everyone is normal', () => {
    look();
    const breaker = stage.observer.view()?.breakers[0];
    return breaker?.outcome === 'judged' && breaker.normal === pods.length;
  });
  moment('everyone serves, everyone is normal');

  const moments: Moments = {
    faultMs,
    firstEjectionMs,
    firstProbeMs: sinceMs(probing),
    secondEjectionMs: sinceMs(again),
    healedMs,
    recoveredMs: sinceMs(recovered),
    collectiveFaultMs,
    collectiveHealedMs,
  };
  return { moments, why, outInCollectiveFailure: seenOut.size };
}

type Attempt<T> = { readonly kind: 'done'; readonly value: T } | { readonly kind: 'broken'; readonly error: unknown };

function attempt<T>(stage: Stage, probe: () => T | false | undefined): Attempt<T> | undefined {
  const ended = stage.processes.find((process) => process.exit() !== undefined);
  if (ended !== undefined) return { kind: 'broken', error: new Error(`${ended.name} has ended:\n${ended.log()}`) };
  try {
    const value = probe();
    return value === false || value === undefined ? undefined : { kind: 'done', value };
  } catch (error) {
    return { kind: 'broken', error };
  }
}

/** Looks on for a while: the play ends as soon as `assert` throws. */
async function watch(forMs: number, until: Until, assert: () => void): Promise<void> {
  const endMs = Date.now() + forMs;
  await until(`${forMs} ms have passed`, () => {
    assert();
    return Date.now() >= endMs;
  });
}

function outOf(stage: Stage): readonly BackendView[] {
  return stage.observer.view()?.backends.filter(({ state }) => state !== 'serving') ?? [];
}

function assertNobodyOut(stage: Stage): void {
  const out = outOf(stage);
  if (out.length > 0)
    throw new Error(`should not be out: ${out.map(({ name, state }) => `${name} (${state})`).join(', ')}`);
}

function sinceMs(backend: BackendView): number {
  return Date.parse(backend.decision?.sinceTime ?? '');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
