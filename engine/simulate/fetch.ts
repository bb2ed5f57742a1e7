/** Gets the past from the metric sources, piece by piece: no answer may have more than 11,000 points a series. */
import type { RangeReader, RangeResult } from '../metrics/range.ts';
import { ProblemError } from '../problem.ts';
import type { Question } from './questions.ts';
import { createRecorder, type Recorder, type Recording } from './recording.ts';

export interface FetchOptions {
  readonly questions: readonly Question[];
  /** By the name of the source. */
  readonly reader: (source: string) => RangeReader | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

interface Piece {
  readonly recorder: Recorder;
  readonly question: Question;
}

/** Far below what Prometheus allows: answers stay small, and a person sees that it goes on. */
const pointsAPiece = 2_000;
/** 9 bytes each. */
const maxCells = 200_000_000;
const atOnce = 4;

/** @throws ProblemError when a source does not answer, or refuses. */
export async function fetchHistory(options: FetchOptions): Promise<readonly Recording[]> {
  const { questions, signal, onProgress } = options;
  const recorders = questions.map(createRecorder);
  const pieces = recorders.flatMap((recorder) =>
    piecesOf(recorder.recording).map((question) => ({ recorder, question })),
  );
  let done = 0;
  onProgress(0, pieces.length);
  const queue = pieces.values();
  const work = async (): Promise<void> => {
    for (const piece of queue) {
      signal.throwIfAborted();
      await fetchPiece(piece, options);
      checkSize(recorders);
      done += 1;
      onProgress(done, pieces.length);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return recorders.map(({ recording }) => recording);
}

function piecesOf({ source, query, startMs, stepMs, count }: Question): readonly Question[] {
  return Array.from({ length: Math.ceil(count / pointsAPiece) }, (_, piece) => ({
    source,
    query,
    startMs: startMs + piece * pointsAPiece * stepMs,
    stepMs,
    count: Math.min(pointsAPiece, count - piece * pointsAPiece),
  }));
}

async function fetchPiece({ recorder, question }: Piece, options: FetchOptions): Promise<void> {
  const { source, query, startMs, stepMs, count } = question;
  const reader = options.reader(source);
  if (reader === undefined) throw unreadable(query, `metric source ${source} is not in the serving config`);
  const answer = await reader.read(question, options.signal);
  options.signal.throwIfAborted();
  if (answer.kind === 'series') return recorder.add(answer.series);
  if (answer.cause !== 'too-large' || count < 2) throw unreadable(query, answer.message, answer.cause);
  const half = Math.floor(count / 2);
  await fetchPiece({ recorder, question: { ...question, count: half } }, options);
  const rest = { ...question, startMs: startMs + half * stepMs, count: count - half };
  await fetchPiece({ recorder, question: rest }, options);
}

function checkSize(recorders: readonly Recorder[]): void {
  const cells = recorders.reduce((sum, { recording }) => sum + recording.series.size * recording.count, 0);
  if (cells <= maxCells) return;
  throw new ProblemError({
    code: 'KV0745',
    severity: 'error',
    message: `that is more than ${maxCells / 1e6} million samples`,
    remedy: 'ask for a shorter time with --since, for fewer policies, or aggregate the queries by backend',
  });
}

type Cause = Extract<RangeResult, { kind: 'error' }>['cause'];

function unreadable(query: string, reason: string, cause?: Cause): ProblemError {
  const remedies: Partial<Record<Cause, string>> = {
    unreachable: 'check --source, or the URL in the serving config, and that it runs',
    unauthorized: 'give the credentials in a serving config: --config FILE',
    'bad-query': 'correct the query of the policy',
    timeout: 'ask for a shorter time with --since, or make the query lighter',
  };
  const remedy = cause === undefined ? undefined : remedies[cause];
  return new ProblemError({
    code: 'KV0744',
    severity: 'error',
    message: `the history of \`${query}\` cannot be had: ${reason}`,
    ...(remedy === undefined ? {} : { remedy }),
  });
}
