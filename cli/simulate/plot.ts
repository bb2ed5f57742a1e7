/** Plots as SVG: a value over time, with what became of the backend behind it. */
import { human } from '../../engine/breakers/statistics.ts';
import { escapeHtml } from './escape.ts';

export interface Plot {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly lines: readonly Line[];
  /** Behind the lines, over the whole height. */
  readonly spans: readonly Shade[];
  /** A strip at the foot, for what the policy of --against would have done. */
  readonly strip?: readonly Shade[];
}

export interface Line {
  /** Class in the style sheet. */
  readonly style: string;
  readonly atMs: readonly number[];
  /** NaN is a gap. */
  readonly value: readonly number[];
  readonly title?: string;
}

export interface Shade {
  readonly style: string;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly title: string;
  /** Only a band at the top. */
  readonly isMark?: true;
}

const width = 960;
const height = 150;
const left = 70;
const right = width - 10;
const top = 10;
const bottom = height - 24;
const stripHeight = 8;
const markHeight = 6;
/** More would not be seen. */
const buckets = 440;

export function plotSvg(plot: Plot): string {
  const { fromMs, untilMs, lines, spans, strip } = plot;
  const across = untilMs - fromMs;
  const x = (atMs: number): number => left + ((atMs - fromMs) / Math.max(1, across)) * (right - left);
  const drawn = lines.map((line) => ({ ...line, points: thinned(line, fromMs, across) }));
  const [low, high] = rangeOf(drawn.flatMap(({ points }) => points.map(([, value]) => value)));
  const y = (value: number): number => bottom - ((value - low) / (high - low)) * (bottom - top);
  return [
    `<svg viewBox="0 0 ${width} ${height}" role="img">`,
    ...spans.map((span) => shadeSvg(span, x, top, span.isMark === true ? markHeight : bottom - top)),
    ...(strip ?? []).map((span) => shadeSvg(span, x, bottom - stripHeight, stripHeight)),
    ...[low, (low + high) / 2, high].map((value) => axisY(value, y(value))),
    ...timeTicks(fromMs, across).map(({ atMs, text, anchor }) => axisX(x(atMs), text, anchor)),
    ...drawn.map(({ style, title, points }) => lineSvg(style, title, points, x, y)),
    '</svg>',
  ].join('');
}

type Point = readonly [atMs: number, value: number];

/** Highest and lowest of each of some hundred stretches of time: a peak of one evaluation stays to be seen. */
function thinned({ atMs, value }: Line, fromMs: number, across: number): readonly Point[] {
  if (atMs.length <= 2 * buckets) return atMs.map((at, index): Point => [at, value[index] ?? Number.NaN]);
  const points: Point[] = [];
  let bucket = -1;
  let begin = 0;
  const close = (end: number): void => {
    let lowest = -1;
    let highest = -1;
    for (let index = begin; index < end; index++) {
      const each = value[index] ?? Number.NaN;
      if (Number.isNaN(each)) continue;
      if (lowest < 0 || each < (value[lowest] ?? 0)) lowest = index;
      if (highest < 0 || each > (value[highest] ?? 0)) highest = index;
    }
    const kept = lowest < 0 ? [begin] : [...new Set([Math.min(lowest, highest), Math.max(lowest, highest)])];
    for (const index of kept) points.push([atMs[index] ?? 0, value[index] ?? Number.NaN]);
  };
  for (const [index, at] of atMs.entries()) {
    const own = Math.floor(((at - fromMs) / across) * buckets);
    if (own === bucket) continue;
    if (index > begin) close(index);
    bucket = own;
    begin = index;
  }
  close(atMs.length);
  return points;
}

function rangeOf(values: readonly number[]): readonly [low: number, high: number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [0, 1];
  const margin = high === low ? Math.abs(high) * 0.05 || 1 : (high - low) * 0.05;
  return [low - (low === 0 ? 0 : margin), high + margin];
}

function lineSvg(
  style: string,
  title: string | undefined,
  points: readonly Point[],
  x: (atMs: number) => number,
  y: (value: number) => number,
): string {
  const parts: string[] = [];
  let isDown = false;
  for (const [index, [atMs, value]] of points.entries()) {
    const isPoint = Number.isFinite(value);
    if (isPoint) {
      const place = `${x(atMs).toFixed(1)} ${y(value).toFixed(1)}`;
      const isAlone = !isDown && !Number.isFinite(points[index + 1]?.[1] ?? Number.NaN);
      // A line of one point has no length; with round ends it is a dot.
      parts.push(`${isDown ? 'L' : 'M'}${place}${isAlone ? 'h0.01' : ''}`);
    }
    isDown = isPoint;
  }
  const tip = title === undefined ? '' : `<title>${escapeHtml(title)}</title>`;
  return parts.length === 0 ? '' : `<path class="line ${style}" d="${parts.join('')}">${tip}</path>`;
}

function shadeSvg(
  { style, fromMs, untilMs, title }: Shade,
  x: (atMs: number) => number,
  y: number,
  tall: number,
): string {
  const from = x(fromMs);
  // What lasted a second of six hours must be seen as well.
  const wide = Math.max(1.5, x(untilMs) - from);
  return `<rect class="${style}" x="${from.toFixed(1)}" y="${y}" width="${wide.toFixed(1)}" height="${tall}"><title>${escapeHtml(title)}</title></rect>`;
}

function axisY(value: number, y: number): string {
  return `<path class="grid" d="M${left} ${y.toFixed(1)}H${right}"/><text x="${left - 6}" y="${(y + 4).toFixed(1)}" text-anchor="end">${human(value)}</text>`;
}

interface Tick {
  readonly atMs: number;
  readonly text: string;
  readonly anchor: 'start' | 'middle' | 'end';
}

const ticks = 6;

function timeTicks(fromMs: number, across: number): readonly Tick[] {
  return Array.from({ length: ticks }, (_, index) => {
    const atMs = fromMs + (across * index) / (ticks - 1);
    const time = new Date(atMs).toISOString();
    return {
      atMs,
      text: across > 86_400_000 ? `${time.slice(5, 10)} ${time.slice(11, 16)}` : time.slice(11, 19),
      anchor: index === 0 ? 'start' : index === ticks - 1 ? 'end' : 'middle',
    };
  });
}

function axisX(x: number, text: string, anchor: Tick['anchor']): string {
  return `<text x="${x.toFixed(1)}" y="${bottom + 17}" text-anchor="${anchor}">${text}</text>`;
}
