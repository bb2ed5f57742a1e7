/** What a person looks at while the demo runs: a table that redraws itself, or lines where there is no terminal. */
import { stripVTControlCharacters, styleText } from 'node:util';
import type { BreakerView } from '../engine/admin/messages.ts';
import { pods } from './cast.ts';
import { percent } from './figures.ts';
import type { Answer } from './load.ts';
import type { Contender, Stage } from './stage.ts';

/** Where it is written to. */
export interface Terminal {
  write(text: string): void;
  /** A person looks at it. */
  readonly isTerminal: boolean;
  readonly columns: number;
}

export interface Screen {
  say(line: string): void;
  act(title: string): void;
  moment(text: string): void;
  /** From now on the table shows what happens on this stage. */
  show(stage: Stage): void;
  /** Leaves the last table standing. */
  close(): void;
}

const redrawMs = 200;
/** Shares and rates are those of this long a while. */
const recentMs = 1000;
const sparkSeconds = 40;
const logLines = 10;

export function createScreen(out: Terminal, isLive: boolean): Screen {
  const startedMs = Date.now();
  const clock = (): string => `${((Date.now() - startedMs) / 1000).toFixed(1).padStart(5)} s`;
  const log: string[] = [];
  let stage: Stage | undefined;
  let drawn = 0;
  let timer: NodeJS.Timeout | undefined;

  const write = (line: string): void => {
    log.push(line);
    if (stage === undefined || !isLive) out.write(`${line}\n`);
    else draw();
  };
  const draw = (): void => {
    if (stage === undefined) return;
    const said = log.flatMap((line) => wrap(line, out.columns)).slice(-logLines);
    const lines = [...said, '', ...table(stage).map((line) => clip(line, out.columns))];
    out.write(`${drawn > 0 ? `\u001b[${drawn}A` : ''}\u001b[0J${lines.join('\n')}\n`);
    drawn = lines.length;
  };

  return {
    say: (line) => write(`${clock()}  ${line}`),
    act: (title) => write(`${clock()}  ${styleText('bold', title)}`),
    moment: (text) => write(`${clock()}    ${text}`),
    show(next) {
      stage = next;
      if (!isLive) return;
      log.length = 0;
      timer = setInterval(draw, redrawMs);
      draw();
    },
    close() {
      clearInterval(timer);
      if (isLive) draw();
      stage = undefined;
    },
  };
}

/** What is said is worth reading to its end. Continued lines are indented like what they continue. */
function wrap(line: string, width: number): readonly string[] {
  const indent = ' '.repeat(11);
  const lines: string[] = [];
  let rest = line;
  while (stripVTControlCharacters(rest).length > width) {
    const space = rest.lastIndexOf(' ', width - 1);
    const at = space > indent.length ? space : width - 1;
    lines.push(rest.slice(0, at));
    rest = `${indent}${rest.slice(at).trimStart()}`;
  }
  return [...lines, rest];
}

/** Escape codes take no room; a line that wrapped would break the redrawing. */
function clip(line: string, width: number): string {
  const visible = stripVTControlCharacters(line);
  return visible.length <= width ? line : visible.slice(0, width);
}

function table(stage: Stage): readonly string[] {
  const recent = { own: recentOf(stage.own), obeying: recentOf(stage.obeying) };
  const rows = pods.map(({ name }) => {
    const backend = stage.observer.backend(name);
    const value = backend?.verdicts[0]?.value;
    return [
      name,
      value === undefined ? '-' : value.toFixed(0),
      stateText(backend?.state, backend?.weightPercent, backend?.held !== undefined),
      `${share(recent.own, name)} %`,
      `${share(recent.obeying, name)} %`,
    ];
  });
  const breaker = stage.observer.view()?.breakers[0];
  return [
    row('', '', '', 'SHARE OF TRAFFIC', ''),
    row('POD', 'PRICE', 'KUBERVISOR SAYS', 'own detection', 'obeying'),
    ...rows.map(([pod = '', price = '', state = '', own = '', obeying = '']) => row(pod, price, state, own, obeying)),
    '',
    breaker === undefined ? '' : `breaker ${breaker.name}: ${outcomeText(breaker)}`,
    '',
    wrongLine('wrong answers, own detection', stage.own),
    wrongLine('wrong answers, obeying      ', stage.obeying),
  ];
}

function row(pod: string, price: string, state: string, own: string, obeying: string): string {
  return `  ${pod.padEnd(10)}${price.padStart(6)}   ${pad(state, 24)}${own.padStart(14)}${obeying.padStart(12)}`;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stripVTControlCharacters(text).length));
}

/** Shape and colour: either alone is enough to tell the states apart. */
function stateText(state: string | undefined, weight: number | undefined, isHeld: boolean): string {
  if (isHeld) return styleText('yellow', '! serving, held');
  switch (state) {
    case undefined:
      return '-';
    case 'serving':
      return styleText('green', '● serving');
    case 'probing':
    case 'ramping':
      return styleText('cyan', `◐ ${state}, weight ${weight}`);
    default:
      return styleText('red', `○ ${state}`);
  }
}

function outcomeText({ outcome, normal, anomalous, reason }: BreakerView): string {
  return outcome === 'judged' ? `${normal} normal, ${anomalous} anomalous` : `${outcome}: ${reason}`;
}

function recentOf({ load }: Contender): readonly Answer[] {
  const sinceMs = Date.now() - recentMs;
  const first = load.answers.findLastIndex(({ atMs }) => atMs < sinceMs);
  return load.answers.slice(first + 1);
}

function share(answers: readonly Answer[], pod: string): string {
  return percent(answers.filter((answer) => answer.pod === pod).length, answers.length).toFixed(1);
}

/** Wrong answers a second, as a line of bars, and their sum. */
function wrongLine(title: string, { load }: Contender): string {
  const now = Math.floor(Date.now() / 1000);
  const perSecond = Array.from({ length: sparkSeconds }, () => 0);
  let total = 0;
  for (const { atMs, kind } of load.answers) {
    if (kind !== 'wrong') continue;
    total += 1;
    const index = sparkSeconds - 1 - (now - Math.floor(atMs / 1000));
    if (index >= 0) perSecond[index] = (perSecond[index] ?? 0) + 1;
  }
  return `${title} ${perSecond.map(bar).join('')} ${String(total).padStart(6)}`;
}

const bars = ' ▁▂▃▄▅▆▇█';

function bar(count: number): string {
  // A handful must be seen beside hundreds, so the scale is a root.
  return bars[Math.min(bars.length - 1, Math.ceil(Math.sqrt(count) / 2))] ?? ' ';
}
