/**
 * Follows the files of a certificate while it is in use: certificate managers and Kubernetes replace them without
 * telling anybody. The new ones are taken when they are whole, and until then, whatever becomes of the files, the old
 * ones stay in force.
 */
import type { Clock } from '../clock.ts';
import type { EpochMs } from '../model.ts';
import { formatProblem, type Problem, ProblemError } from '../problem.ts';
import { judgeTls, readTlsFiles, type TlsFiles, type TlsFlaw, type TlsMaterial, type Validity } from './files.ts';

/** Where a listener gets what it shows. */
export interface TlsSource {
  current(): TlsMaterial;
  /** Calls `use` with each that comes after it. */
  onRenewed(use: (material: TlsMaterial) => void): void;
}

export interface Renewal extends TlsSource {
  /** What is wrong now. */
  problems(): readonly Problem[];
  stop(): void;
}

export interface RenewalOptions {
  readonly files: TlsFiles;
  /** Their names in the serving config. */
  readonly fields: TlsFields;
  readonly clock: Clock;
  readonly observer: RenewalObserver;
}

export type TlsFields = Readonly<Record<keyof TlsFiles | 'all', string>>;

export interface RenewalObserver {
  /** Of the certificate in force, from the start on. */
  inForce(validity: Validity): void;
  renewed(): void;
  /** Once for each problem, when it arises. */
  problem(problem: Problem): void;
}

const lookEveryMs = 5000;
/** Files that have changed are read once more after this, and count when nothing has changed since. */
const settleMs = 1000;
/** Whoever renews does so well before this share of the lifetime is left. */
const lateShare = 0.1;

/** @throws ProblemError KV0750 when there is nothing usable to begin with. An expired certificate is a problem, no error. */
export async function followTls({ files, fields, clock, observer }: RenewalOptions): Promise<Renewal> {
  const first = await look();
  if (first.kind === 'flawed') throw new ProblemError(unusable(first.flaw));
  let inForce = first;
  /** The last reading, if it was not what is in force. */
  let candidate: Look | undefined;
  let refusal: Problem | undefined;
  let problems: readonly Problem[] = [];
  let isStopped = false;
  let cancelLook = (): void => undefined;
  const users: ((material: TlsMaterial) => void)[] = [];

  async function look(): Promise<Look> {
    const reading = await readTlsFiles(files);
    if (reading.kind === 'flawed') return reading;
    const judgement = judgeTls(reading.material);
    return { ...judgement, material: reading.material };
  }

  async function lookAgain(): Promise<void> {
    const seen = await look();
    if (isStopped) return;
    const isSettled = isSame(seen, inForce) || (candidate !== undefined && isSame(seen, candidate));
    candidate = seen;
    if (isSettled) decide(seen);
    lookIn(isSettled ? lookEveryMs : settleMs);
  }

  function decide(seen: Look): void {
    refusal = undefined;
    if (!isSame(seen, inForce)) {
      refusal = objection(seen);
      if (refusal === undefined) take(seen as Usable);
    }
    report();
  }

  function objection(seen: Look): Problem | undefined {
    if (seen.kind === 'flawed') return refused(seen.flaw.message, seen.flaw.file);
    const { fromMs, untilMs } = seen.validity;
    if (fromMs > clock.now()) return untimely(`the certificate is not valid before ${date(fromMs)}`);
    if (untilMs <= clock.now()) return untimely(`the certificate has expired on ${date(untilMs)}`);
    return undefined;
  }

  function take(seen: Usable): void {
    inForce = seen;
    for (const use of users) use(seen.material);
    observer.inForce(seen.validity);
    observer.renewed();
  }

  function report(): void {
    const known = new Set(problems.map(formatProblem));
    problems = [refusal, lateness(inForce.validity)].filter((problem) => problem !== undefined);
    for (const problem of problems) if (!known.has(formatProblem(problem))) observer.problem(problem);
  }

  function lateness({ fromMs, untilMs }: Validity): Problem | undefined {
    const leftMs = untilMs - clock.now();
    if (leftMs > (untilMs - fromMs) * lateShare) return undefined;
    const problem = { code: 'KV0752', field: fields.cert, remedy: 'see why nobody has renewed it' } as const;
    return leftMs > 0
      ? { ...problem, severity: 'warning', message: `the certificate expires on ${date(untilMs)}` }
      : {
          ...problem,
          severity: 'error',
          message: `the certificate has expired on ${date(untilMs)}: clients refuse it`,
        };
  }

  function refused(message: string, file?: keyof TlsFiles): Problem {
    return {
      code: 'KV0751',
      severity: 'error',
      field: fields[file ?? 'all'],
      message: `${message}; the former certificate stays in use`,
      remedy: 'write certificate and key of one pair, as PEM files that this user can read',
    };
  }

  function untimely(message: string): Problem {
    return { ...refused(message, 'cert'), remedy: 'write one that is valid now, and see that the clock is right' };
  }

  function unusable({ file, message }: TlsFlaw): Problem {
    const remedy = 'give PEM files that this user can read, the key that belongs to the certificate';
    return { code: 'KV0750', severity: 'error', field: fields[file ?? 'all'], message, remedy };
  }

  function lookIn(ms: number): void {
    cancelLook = clock.at(clock.now() + ms, () => void lookAgain());
  }

  observer.inForce(inForce.validity);
  report();
  lookIn(lookEveryMs);
  return {
    current: () => inForce.material,
    onRenewed: (use) => void users.push(use),
    problems: () => problems,
    stop() {
      isStopped = true;
      cancelLook();
    },
  };
}

interface Usable {
  readonly kind: 'usable';
  readonly material: TlsMaterial;
  readonly validity: Validity;
}

type Look = Usable | { readonly kind: 'flawed'; readonly flaw: TlsFlaw; readonly material?: TlsMaterial };

function isSame(one: Look, other: Look): boolean {
  if (one.material === undefined || other.material === undefined) {
    return one.kind === 'flawed' && other.kind === 'flawed' && one.flaw.message === other.flaw.message;
  }
  const [a, b] = [one.material, other.material];
  return a.cert.equals(b.cert) && a.key.equals(b.key) && (a.ca?.equals(b.ca ?? Buffer.alloc(0)) ?? b.ca === undefined);
}

function date(ms: EpochMs): string {
  return new Date(ms).toISOString();
}
