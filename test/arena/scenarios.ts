/** The scenarios. All numbers of one stand together, so that it can be read as a story. */
import { lessons } from './lessons.ts';
import { errorsBreaker } from './policy.ts';
import type { Act, Fault, PodFacts, Scenario, Symptoms } from './scenario.ts';

/** Of what a well pod answers: nothing is perfect. */
const usualErrorShare = 0.001;

const breaks = (
  pods: readonly number[],
  [fromS, untilS]: readonly [number, number],
  symptoms: Partial<Symptoms>,
  blame: Fault['blame'] = 'pod',
): Fault => ({ blame, pods, fromS, untilS, symptoms });

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

function fleet(count: number, facts: (pod: number) => Partial<PodFacts> = () => ({})): readonly PodFacts[] {
  return numbers(count).map((pod) => ({
    zone: 'zone-a',
    version: 'v1',
    joinsAtS: 0,
    errorShare: usualErrorShare,
    ...facts(pod),
  }));
}

type Told = Pick<Scenario, 'name' | 'title' | 'story' | 'lengthS'> & Partial<Scenario>;

function scenario(told: Told): Scenario {
  const lesson = lessons[told.name] ?? '';
  return { lesson, pods: fleet(10), requestsPerSecond: 100, envoys: 1, faults: [], acts: [], policy: {}, ...told };
}

const away = (from: Act['what'], fromS: number, back: Act['what'], untilS: number): readonly Act[] => [
  { atS: fromS, what: from },
  { atS: untilS, what: back },
];

export const scenarios: readonly Scenario[] = [
  scenario({
    name: 'wrong-value',
    title: 'A wrong value with HTTP 200',
    story: 'One of ten pods answers quickly, with status 200, and a price of 0.',
    faults: [breaks([2], [5, 50], { isWrong: true })],
    lengthS: 115,
  }),
  scenario({
    name: 'errors',
    title: '30 % errors on one of ten',
    story: 'One of ten pods answers three of ten requests with 503.',
    faults: [breaks([2], [5, 50], { errorShare: 0.3 })],
    lengthS: 135,
  }),
  scenario({
    name: 'slow-pod',
    title: 'A slow pod',
    story: 'One of ten pods takes three times as long. A client calls an answer bad that took more than 170 ms.',
    faults: [breaks([2], [5, 50], { slowness: 3 })],
    lengthS: 115,
  }),
  scenario({
    name: 'gray-failure',
    title: 'A gray failure',
    story: 'One of ten pods answers 3 % of its requests with 503, where the others answer 0.1 % so.',
    faults: [breaks([2], [5, 125], { errorShare: 0.03 })],
    requestsPerSecond: 120,
    // A few errors more are a fault here: a longer window to see them, and less allowance for pods that differ.
    policy: { breakers: [errorsBreaker('1m', { sensitivity: '0.002' })] },
    lengthS: 200,
  }),
  scenario({
    name: 'bad-zone',
    title: 'A bad zone',
    story: 'Nine pods in three zones. The three of one zone answer 30 % of their requests with 503.',
    pods: fleet(9, (pod) => ({ zone: `zone-${'abc'.charAt(Math.floor(pod / 3))}` })),
    faults: [breaks([3, 4, 5], [5, 50], { errorShare: 0.3 })],
    lengthS: 170,
  }),
  scenario({
    name: 'bad-canary',
    title: 'A bad canary',
    story: 'Three of ten pods run a new version, which answers with status 200 and a price of 0.',
    pods: fleet(10, (pod) => ({ version: pod < 7 ? 'v1' : 'v2' })),
    faults: [breaks([7, 8, 9], [5, 50], { isWrong: true })],
    lengthS: 120,
  }),
  scenario({
    name: 'shared-at-once',
    title: 'A shared dependency is down, for all at once',
    story: 'All ten pods answer 60 % of their requests with 503, because of something that all of them need.',
    faults: [breaks(numbers(10), [5, 45], { errorShare: 0.6 }, 'shared')],
    lengthS: 80,
  }),
  scenario({
    name: 'shared-staggered',
    title: 'A shared dependency is down, for one after the other',
    story: 'The same, but it reaches the pods one by one, 2 s apart, as caches run out.',
    faults: numbers(10).map((pod) => breaks([pod], [5 + 2 * pod, 60], { errorShare: 0.6 }, 'shared')),
    lengthS: 95,
  }),
  scenario({
    name: 'five-of-six',
    title: 'Five of six are bad',
    story: 'Five of six pods answer 60 % of their requests with 503; the sixth alone could not carry the load.',
    pods: fleet(6),
    requestsPerSecond: 60,
    faults: [breaks([0, 1, 2, 3, 4], [5, 45], { errorShare: 0.6 })],
    lengthS: 80,
  }),
  scenario({
    name: 'trickle',
    title: 'Many proxies with a trickle each',
    story: 'Twenty Envoys with one request a second each. One of ten pods answers 30 % of its requests with 503.',
    requestsPerSecond: 20,
    envoys: 20,
    faults: [breaks([2], [5, 65], { errorShare: 0.3 })],
    // With two requests a second for each pod, ten seconds are too few to know.
    policy: { breakers: [errorsBreaker('30s')] },
    lengthS: 210,
  }),
  scenario({
    name: 'flapping',
    title: 'A flapping pod',
    story: 'One of ten pods answers half of its requests with 503, for ten seconds out of twenty, again and again.',
    faults: [0, 20, 40, 60].map((laterS) => breaks([2], [5 + laterS, 15 + laterS], { errorShare: 0.5 })),
    lengthS: 165,
  }),
  scenario({
    name: 'slow-restart',
    title: 'A pod that restarts slowly',
    story:
      'One of ten pods refuses connections for 12 s, then listens and answers half of its requests with 503 for 15 s. It is listed as ready all along.',
    faults: [breaks([2], [5, 17], { isDown: true }), breaks([2], [17, 32], { errorShare: 0.5 })],
    lengthS: 100,
  }),
  scenario({
    name: 'prometheus-down',
    title: 'Prometheus is down while a pod is out',
    story:
      'One of ten pods answers with a price of 0. When it is out, Prometheus stops for 25 s, and comes back without its history.',
    faults: [breaks([2], [5, 70], { isWrong: true })],
    acts: away('Prometheus stops', 20, 'Prometheus is back', 45),
    lengthS: 140,
  }),
  scenario({
    name: 'kubervisor-killed',
    title: 'Kubervisor is killed while a pod is out',
    story: 'One of ten pods answers with a price of 0. When it is out, Kubervisor is killed, and is back after 20 s.',
    faults: [breaks([2], [5, 60], { isWrong: true })],
    acts: away('Kubervisor is killed', 12, 'Kubervisor is back', 32),
    lengthS: 130,
  }),
  scenario({
    name: 'scale-out',
    title: 'Cold pods join',
    story: 'Four pods join six. For 15 s they take three times as long, and answer 5 % of their requests with 503.',
    pods: fleet(10, (pod) => ({ joinsAtS: pod < 6 ? 0 : 5 })),
    faults: [breaks([6, 7, 8, 9], [5, 20], { slowness: 3, errorShare: 0.05 }, 'cold')],
    lengthS: 60,
  }),
  scenario({
    name: 'healthy-noise',
    title: 'Nothing is broken',
    story: 'Three minutes in which ten pods answer between 0.2 and 1 % of their requests with 503, each its own share.',
    pods: fleet(10, (pod) => ({ errorShare: 0.002 + (0.008 * pod) / 9 })),
    requestsPerSecond: 120,
    lengthS: 180,
  }),
];
