/** What people are told of a backend on its way back, and of one that waits for it. */
import { expect, it } from 'vitest';
import { breakerOf, countsOf, policyOf, type World, world } from '../../test/support/world.ts';
import type { Evidence } from '../breakers/judge.ts';
import { defaultTiming } from '../rotation/context.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { explain } from './why.ts';

const ratio = breakerOf({
  name: 'ratio',
  detector: { kind: 'ratio', bad: 'b', total: 't', minRequests: 30, minBad: 5, sensitivity: 0.005 },
  evaluationPeriodMs: 10_000,
  lookbackMs: 10_000,
});
const peers = ['p3', 'p4', 'p5', 'p6'];
const seen = (p1: readonly [number, number], p2: readonly [number, number], each = 60): Evidence =>
  countsOf({ p1, p2, ...Object.fromEntries(peers.map((p) => [p, [0, each]])) });

function whyOf(w: World, name: string): string {
  const backend = w.state.fleet.backends.find((each) => each.name === name);
  if (backend === undefined) throw new Error(`no ${name}`);
  const { steps } = explain(w.state, backend, { now: w.now, suspension: undefined, timing: defaultTiming });
  return steps.flatMap(({ stage, text }) => (stage === 'next' ? [text] : [])).join();
}

/** p1 and p2 are out. */
function out(): World {
  const w = world({ policy: policyOf({ breakers: [ratio], budget: { holdAbovePercent: 100 } }) });
  w.evaluations(2, seen([30, 60], [30, 60]));
  expect(w.out()).toEqual(['p1', 'p2']);
  return w;
}

it('one that is out: the weight of its probe, and why it is more than the ramp says', () => {
  expect(whyOf(out(), 'p1')).toMatch(
    /^probes at 25 % of its weight, since 5 % of the traffic would be too little to be judged soon, not before/,
  );
});

it('one whose time is over: for what it waits', () => {
  const w = out();
  w.pass(30_000);
  const [waiting = ''] = w.out().filter((name) => w.stateOf(name) === 'ejected');
  expect(whyOf(w, waiting)).toBe('waits for a place to probe: at most 1 at once, first who has been out longest');
  w.change(waiting, { ready: false });
  expect(whyOf(w, waiting)).toBe('waits until it is ready; then it probes');
});

it('one that probes: how far it is', () => {
  const w = out();
  w.pass(30_000);
  const [probe = ''] = w.out().filter((name) => w.stateOf(name) === 'probing');
  w.evaluations(2, seen([0, 15], [0, 15]));
  expect(whyOf(w, probe)).toMatch(
    /^30 of about 58 requests since it probes, 0 bad \(log-likelihood -1\.547, good at -2\.944, bad at 2\.944\); goes to 50 % of its weight when ratio finds it normal/,
  );
});

it('one that starves: that it does, in words and in the metrics', async () => {
  const w = out();
  w.pass(30_000);
  const [probe = ''] = w.out().filter((name) => w.stateOf(name) === 'probing');
  w.evaluations(30, seen([0, 0], [0, 0]));
  expect(whyOf(w, probe)).toMatch(
    /^starved, got too little traffic to be judged: 0 of about 58 requests since it probes.*; goes to 50 % of its weight when/,
  );
  const metrics = createMetrics({ version: '1.2.3' });
  metrics.readFrom({ states: () => [w.state] });
  expect(await metrics.render()).toContain('state="starved"} 1');
});
