/** One scenario as a picture that needs nothing else: bad answers over time, and below it who was out when. */
import { escapeHtml } from '../../cli/simulate/escape.ts';
import { type ContenderName, contenderNames, type Recording, verdicts } from './recording.ts';
import { isBroken, type Scenario } from './scenario.ts';
import { type Stretch, stretchesOf } from './timeline.ts';

const width = 860;
const left = 118;
const right = width - 12;
const top = 26;
const plotHeight = 170;
const bottom = top + plotHeight;
const stripTop = bottom + 34;
const stripHeight = 16;
const stripGap = 6;
const keyTop = stripTop + contenderNames.length * (stripHeight + stripGap) + 4;
const height = keyTop + 20;

/** What a strip shows of the pods, from its foot up. */
const kinds = [
  { kind: 'right', text: 'out, and broken' },
  { kind: 'wrong', text: 'out, and not broken' },
  { kind: 'part', text: 'in with a part of its share' },
] as const;
type Kind = (typeof kinds)[number]['kind'];

/** Readable on white and on black, and told apart by those who do not see red and green. */
const colours: Readonly<Record<ContenderName, string>> = {
  nothing: '#8c959f',
  'envoy-defaults': '#b35900',
  'envoy-tuned': '#9a4fd0',
  kubervisor: '#0b7fc7',
};

const style = `
text { font: 12px system-ui, sans-serif; fill: #57606a; }
.title { font-size: 13px; font-weight: 600; }
.grid { stroke: #d0d7de; stroke-width: 0.6; fill: none; }
.fault { fill: #d0d7de; fill-opacity: 0.35; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.strip { fill: #d0d7de; fill-opacity: 0.45; }
.right { fill: #2da44e; } .wrong { fill: #cf222e; } .part { fill: #d4a72c; }
@media (prefers-color-scheme: dark) {
  text { fill: #9aa6b2; }
  .grid { stroke: #30363d; }
  .fault, .strip { fill: #6e7681; fill-opacity: 0.3; }
}
`;

export function plotOf(scenario: Scenario, recording: Recording): string {
  const x = (atS: number): number => left + (atS / scenario.lengthS) * (right - left);
  const lines = contenderNames.map((name) => ({ name, points: badOverTime(scenario, recording, name) }));
  const most = niceMost(Math.max(1, ...lines.map(({ points }) => points.at(-1)?.[1] ?? 0)));
  const y = (bad: number): number => bottom - (bad / most) * plotHeight;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escapeHtml(scenario.title)}: bad answers since the start, for each contender, and pods that are out</title>`,
    `<style>${style}</style>`,
    `<text class="title" x="${left}" y="16">${escapeHtml(scenario.title)}: bad answers since the start</text>`,
    ...faultSpans(scenario).map(
      ([fromS, untilS]) =>
        `<rect class="fault" x="${round(x(fromS))}" y="${top}" width="${round(x(untilS) - x(fromS))}" height="${plotHeight}"/>`,
    ),
    ...[0, most / 2, most].map(
      (value) =>
        `<path class="grid" d="M${left} ${round(y(value))}H${right}"/><text x="${left - 8}" y="${round(y(value) + 4)}" text-anchor="end">${value}</text>`,
    ),
    ...ticks(scenario.lengthS).map(
      (atS) =>
        `<text x="${round(x(atS))}" y="${bottom + 17}" text-anchor="${atS === scenario.lengthS ? 'end' : 'middle'}">${atS} s</text>`,
    ),
    ...lines.map(
      ({ name, points }) =>
        `<path class="line" stroke="${colours[name]}" d="${points.map(([atS, bad], index) => `${index === 0 ? 'M' : 'L'}${round(x(atS))} ${round(y(bad))}`).join('')}"><title>${name}</title></path>`,
    ),
    ...contenderNames.flatMap((name, index) =>
      strip(scenario, recording, name, stripTop + index * (stripHeight + stripGap), x),
    ),
    ...key(),
    '</svg>',
  ].join('\n')}\n`;
}

function badOverTime(
  scenario: Scenario,
  recording: Recording,
  name: ContenderName,
): readonly (readonly [number, number])[] {
  const good = verdicts.indexOf('good');
  const perSecond = Array.from({ length: scenario.lengthS }, () => 0);
  for (const [sentMs, , verdict] of recording.contenders[name].answers) {
    const second = Math.min(scenario.lengthS - 1, Math.floor(sentMs / 1000));
    if (verdict !== good) perSecond[second] = (perSecond[second] ?? 0) + 1;
  }
  let sum = 0;
  return [[0, 0], ...perSecond.map((count, second): [number, number] => [second + 1, (sum += count)])];
}

/** The more of the fleet, the higher. */
function strip(
  scenario: Scenario,
  recording: Recording,
  name: ContenderName,
  y: number,
  x: (atS: number) => number,
): readonly string[] {
  const label = `<text x="${left - 20}" y="${y + 12}" text-anchor="end">${name}</text><rect fill="${colours[name]}" x="${left - 15}" y="${y + 3}" width="10" height="10"/>`;
  const back = `<rect class="strip" x="${left}" y="${y}" width="${right - left}" height="${stripHeight}"/>`;
  const bars = stretchesOf(scenario, recording.contenders[name].views).flatMap((stretch) => {
    const counts = countsOf(scenario, stretch);
    let from = y + stripHeight;
    return kinds.flatMap(({ kind }) => {
      if (counts[kind] === 0) return [];
      const tall = Math.max(3, (stripHeight * counts[kind]) / scenario.pods.length);
      from -= tall;
      return [
        `<rect class="${kind}" x="${round(x(stretch.fromMs / 1000))}" y="${round(from)}" width="${round(x(stretch.untilMs / 1000) - x(stretch.fromMs / 1000))}" height="${round(tall)}"/>`,
      ];
    });
  });
  return [back, label, ...bars];
}

function countsOf(scenario: Scenario, { fromMs, out, shares }: Stretch): Readonly<Record<Kind, number>> {
  const right = [...out].filter((pod) => isBroken(scenario, pod, fromMs / 1000)).length;
  const part = shares.filter((share, pod) => share !== undefined && share < 1 && !out.has(pod)).length;
  return { right, wrong: out.size - right, part };
}

function key(): readonly string[] {
  return kinds.map(({ kind, text }, index) => {
    const at = left + index * 170;
    return `<rect class="${kind}" x="${at}" y="${keyTop}" width="12" height="10"/><text x="${at + 18}" y="${keyTop + 9}">${text}</text>`;
  });
}

/** From the first to the last of what overlaps. */
function faultSpans({ faults }: Scenario): readonly (readonly [number, number])[] {
  const spans: [number, number][] = [];
  for (const { fromS, untilS } of faults.toSorted((a, b) => a.fromS - b.fromS)) {
    const last = spans.at(-1);
    if (last !== undefined && fromS <= last[1]) last[1] = Math.max(last[1], untilS);
    else spans.push([fromS, untilS]);
  }
  return spans;
}

function niceMost(most: number): number {
  const step = 10 ** Math.floor(Math.log10(most));
  return Math.max(
    2,
    [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10].map((times) => times * step).find((value) => value >= most) ?? most,
  );
}

function ticks(lengthS: number): readonly number[] {
  const step = lengthS > 120 ? 30 : lengthS > 60 ? 20 : 10;
  return Array.from({ length: Math.floor(lengthS / step) + 1 }, (_, index) => index * step);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
