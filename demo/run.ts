/** `kubervisor demo`: raises the stage, plays, prints the figures, and leaves nothing behind. */
import { aborted } from '../engine/aborted.ts';
import { type EnvoyFigures, figuresOf } from './figures.ts';
import { createScreen, type Terminal } from './screen.ts';
import { differenceOf, replay, type Replayed, simulateArguments } from './replay.ts';
import { type Play, play } from './script.ts';
import { raise, type Stage } from './stage.ts';
import { findPart, type PartName } from './world/parts.ts';

export interface DemoOptions {
  /** No live table; the figures as JSON on the last line. What the play checks is checked either way. */
  readonly isCi: boolean;
  /** After the play, wait for Ctrl-C with everything running. */
  readonly keep: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: Terminal;
  readonly signal: AbortSignal;
}

export interface DemoFigures {
  readonly own: EnvoyFigures;
  readonly obeying: EnvoyFigures;
  readonly faultToEjectionMs: number;
  readonly healedToServingMs: number;
  /** Backends out at any moment while five of six were bad. */
  readonly outInCollectiveFailure: number;
  /** Ejections that `kubervisor simulate` gives for the whole play: the same that happened. */
  readonly simulatedEjections: number;
}

/** @throws when something did not happen as it must. */
export async function runDemo(options: DemoOptions): Promise<void> {
  const { out, signal } = options;
  const screen = createScreen(out, out.isTerminal && !options.isCi);
  const stage = await raise({
    envoy: partPath('envoy', options.env),
    prometheus: partPath('prometheus', options.env),
    say: screen.say,
    signal,
  });
  try {
    screen.show(stage);
    const played = await play(stage, { act: screen.act, moment: screen.moment, signal });
    screen.act('6. The same from the history of the metrics: kubervisor simulate');
    const replayed = await replay(stage, signal);
    assertSame(replayed, played);
    screen.moment(`${replayed.simulated.length} ejections, the same that happened`);
    screen.close();
    const figures = figuresOfPlay(stage, played, replayed);
    out.write(`\n${summary(figures)}\n`);
    assertFigures(figures);
    if (options.keep) await waitForInterrupt(stage, out, signal);
    if (options.isCi) out.write(`${JSON.stringify(figures)}\n`);
    else if (!options.keep) out.write(nextCommands);
  } finally {
    screen.close();
    await stage.stop();
  }
}

function partPath(name: PartName, env: DemoOptions['env']): string {
  const path = findPart(name, env);
  if (path === undefined) throw new Error(`${name} is not there; fetch it with: npm run setup -- ${name}`);
  return path;
}

function figuresOfPlay(stage: Stage, { moments, outInCollectiveFailure }: Play, { simulated }: Replayed): DemoFigures {
  return {
    own: figuresOf(stage.own.load.answers, moments),
    obeying: figuresOf(stage.obeying.load.answers, moments),
    faultToEjectionMs: moments.firstEjectionMs - moments.faultMs,
    healedToServingMs: moments.recoveredMs - moments.healedMs,
    outInCollectiveFailure,
    simulatedEjections: simulated.length,
  };
}

/** The breaker's period is a second. */
const slackMs = 2000;

function assertSame(replayed: Replayed, { moments }: Play): void {
  const difference = differenceOf(replayed, moments.faultMs, slackMs);
  if (difference !== undefined) throw new Error(`simulate does not give what happened: ${difference}`);
}

/** An answer that is wrong where it must not be fails the play; a time never does. */
function assertFigures({ own, obeying }: DemoFigures): void {
  const claims: readonly (readonly [boolean, string])[] = [
    [own.wrongDuringFault > 0, 'the Envoy with its own detection goes on serving wrong prices'],
    [own.wrongWhileEjected > 0, 'the Envoy with its own detection sees nothing in a wrong price'],
    [obeying.wrongWhileEjected === 0, 'the obeying Envoy serves no wrong price between ejection and first probe'],
    [obeying.wrongWhileProbedPercent <= 5, 'a probe gets a trickle only'],
    [obeying.wrongDuringFault < own.wrongDuringFault, 'the obeying Envoy serves fewer wrong prices'],
    [obeying.failed === 0, 'no request of the obeying Envoy fails'],
  ];
  const broken = claims.filter(([holds]) => !holds).map(([, claim]) => claim);
  if (broken.length > 0) throw new Error(`not so: ${broken.join('; ')}`);
}

function summary({ own, obeying, healedToServingMs, outInCollectiveFailure, simulatedEjections }: DemoFigures): string {
  const line = (title: string, value: (figures: EnvoyFigures) => string): string =>
    `${title.padEnd(44)}${value(own).padStart(16)}${value(obeying).padStart(14)}`;
  return [
    `${''.padEnd(44)}${'OWN DETECTION'.padStart(16)}${'OBEYING'.padStart(14)}`,
    line('answers', ({ answers }) => String(answers)),
    line('failed', ({ failed }) => String(failed)),
    line('one of six bad: wrong answers', ({ wrongDuringFault }) => String(wrongDuringFault)),
    line('  fault to last wrong answer before 1st probe', ({ faultToLastWrongMs }) =>
      faultToLastWrongMs === null ? 'did not stop' : `${(faultToLastWrongMs / 1000).toFixed(1)} s`,
    ),
    line('  wrong from its ejection to its first probe', ({ wrongWhileEjected }) => String(wrongWhileEjected)),
    line(
      '  wrong while it was probed, of all answers',
      ({ wrongWhileProbedPercent }) => `${wrongWhileProbedPercent} %`,
    ),
    line('wrong answers in all', ({ wrong }) => String(wrong)),
    `five of six bad: ${outInCollectiveFailure} ejected`,
    `simulated over the same metrics: ${simulatedEjections} ejections, those that happened`,
    `from healed to full weight: ${(healedToServingMs / 1000).toFixed(1)} s, each step by fresh evidence`,
  ].join('\n');
}

const nextCommands = `
Next:
  npx kubervisor lint -f examples          check policies, with file, line and field
  npm run demo -- --keep                   the same, left running for you to ask and to break
  npx kubervisor serve --help              with your own Services and Prometheus
`;

async function waitForInterrupt(stage: Stage, out: Terminal, signal: AbortSignal): Promise<void> {
  const { ports } = stage;
  const server = `--server http://127.0.0.1:${ports.http}`;
  out.write(`
Everything is still running; Ctrl-C ends it. Ask:
  npx kubervisor get -w ${server}
  npx kubervisor why pricer-3 ${server}
  npx kubervisor ${simulateArguments(stage).join(' ')}
  grpcurl -plaintext -d '{"resource_names":["shop/pricer:http"]}' 127.0.0.1:${ports.xds} envoy.service.endpoint.v3.EndpointDiscoveryService/FetchEndpoints
`);
  await aborted(signal);
}
