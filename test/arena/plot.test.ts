import { expect, it } from 'vitest';
import { plotOf } from './plot.ts';
import { type ContenderRecording, contenderNames, type Recording, verdicts } from './recording.ts';
import type { Scenario } from './scenario.ts';

const well = { zone: 'a', version: 'v1', joinsAtS: 0, errorShare: 0 };
const scenario: Scenario = {
  ...{
    name: 'test',
    title: 'One & <two>',
    story: '',
    lesson: '',
    requestsPerSecond: 1,
    envoys: 1,
    acts: [],
    policy: {},
  },
  lengthS: 60,
  pods: [well, well],
  faults: [{ blame: 'pod', pods: [0], fromS: 10, untilS: 30, symptoms: {} }],
};
const quiet: ContenderRecording = { answers: [], views: [{ atMs: 0, envoy: 0, shares: [1, 1] }] };
const busy: ContenderRecording = {
  answers: [
    [12_300, 0, verdicts.indexOf('error')],
    [59_999, 0, verdicts.indexOf('good')],
  ],
  views: [
    ...quiet.views,
    { atMs: 12_000, envoy: 0, shares: [0, 1] },
    { atMs: 36_000, envoy: 0, shares: [0.25, 0] },
    { atMs: 48_000, envoy: 0, shares: [1, 1] },
  ],
};
const contenders = Object.fromEntries(contenderNames.map((name) => [name, quiet])) as Record<
  string,
  ContenderRecording
>;
const recording = { scenario: 'test', latestSendMs: 0, contenders: { ...contenders, kubervisor: busy } } as Recording;
const svg = plotOf(scenario, recording);

it('a plot is well-formed, names what it shows, and needs nothing from elsewhere', () => {
  expect(svg).toContain('<title>One &amp; &lt;two&gt;: bad answers');
  expect(svg).not.toMatch(/href|@import|url\(|<script/);
  const opened = [...svg.matchAll(/<(\w+)[^>]*[^/>]>|<(\w+)>/g)].length;
  expect(svg.match(/<\//g)).toHaveLength(opened);
});

it('has a line for each contender, which goes up where an answer was bad', () => {
  const lines = [...svg.matchAll(/class="line" stroke="[^"]+" d="([^"]+)"><title>([\w-]+)/g)];
  expect(lines.map(([, , name]) => name)).toEqual([...contenderNames]);
  const heights = lines.map(([, path = '']) => new Set(path.match(/ [\d.]+/g)).size);
  expect(heights).toEqual([1, 1, 1, 2]);
});

it('shows who was out rightly, who wrongly, and who was on the way back', () => {
  const bars = [...svg.matchAll(/<rect class="(right|wrong|part)" x="([\d.]+)"[^>]* width="([\d.]+)"/g)].map(
    ([, kind, x, wide]) => `${kind} ${x} ${wide}`,
  );
  // Twelve seconds are a fifth of the width. The last three are the key.
  expect(bars.slice(0, -3)).toEqual(['right 264 219', 'wrong 483 73', 'wrong 556 146', 'part 556 146']);
});
