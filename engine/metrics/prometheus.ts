/**
 * A metric source behind the Prometheus query API: Prometheus itself, Thanos, Mimir, VictoriaMetrics and their like.
 *
 * Every way in which it can fail is an answer with a cause. None of them says anything about a backend.
 */
import type { Clock } from '../clock.ts';
import type { EpochMs } from '../model.ts';
import { readAnswer } from './answer.ts';
import { createBackoff, retryAfterMs } from './backoff.ts';
import type { PrometheusSettings } from './config.ts';
import { createCredentials, type ReadyConnection } from './credentials.ts';
import { createDeadline, type Deadline } from './deadline.ts';
import type { ApiFailure } from './envelope.ts';
import { createGate } from './gate.ts';
import { createHttp, type HttpOutcome } from './http.ts';
import { formRequest } from './form-request.ts';
import { keepMs, rememberInUse } from './in-use.ts';
import { observeSkew, type SkewBounds, skewMs } from './skew.ts';
import type { MetricSource, MetricSourceHealth, QueryAnswer, QueryErrorCause, QueryRequest } from './source.ts';

export interface PrometheusOptions {
  readonly name: string;
  readonly settings: PrometheusSettings;
  readonly clock: Clock;
  /** 0 <= random() < 1, for the jitter of the backoff. */
  readonly random: () => number;
}

export interface PrometheusSource extends MetricSource {
  /** Closes idle connections. */
  close(): void;
}

const maxAnswerBytes = 8 * 1024 * 1024;
const maxSeries = 10_000;
const backoff = { baseMs: 1000, maxMs: 30_000, maxRetryAfterMs: 300_000 };

/** The source's share of the time that is left: it should say itself that it gave up, before we cut it off. */
const serverShare = 0.9;
/** From here on the evaluation time means different things to us and to the source, and no verdict can rest on it. */
const unusableSkewMs = 30_000;

export function createPrometheusSource({ name, settings, clock, random }: PrometheusOptions): PrometheusSource {
  const http = createHttp(maxAnswerBytes);
  const credentials = createCredentials(settings, clock);
  const gate = createGate(settings.concurrency);
  /** By tenant: many sources limit each by itself, and what one of them does must not silence the others. */
  const restOf = rememberInUse(clock, keepMs, () => createBackoff(backoff, random));
  const url = `${settings.url}/api/v1/query`;
  let skew: SkewBounds | undefined;
  let lastSuccessMs: EpochMs | undefined;
  let lastError: MetricSourceHealth['lastError'];

  /**
   * The answer's message may get into the status of a tenant's object, so it names the source only. Its URL, and what
   * the network said, are for whoever runs us.
   */
  const fail = (cause: QueryErrorCause, message: string, detail = message): QueryAnswer => {
    // A bad query is its author's: it says nothing about the source.
    if (cause !== 'bad-query') lastError = { atMs: clock.now(), cause, message: `${url}: ${detail}` };
    return { kind: 'error', cause, message: `metric source ${name}: ${message}` };
  };

  /** Nothing is sent while the source is given a rest, not even by those who queued before the rest began. */
  const resting = ({ tenant = '' }: QueryRequest): QueryAnswer | undefined => {
    const waitMs = Math.ceil(restOf(tenant).waitMs(clock.now()));
    if (waitMs === 0) return undefined;
    const message = `metric source ${name}: not asked for another ${waitMs} ms after it failed (${lastError?.cause ?? 'unknown'})`;
    return { kind: 'error', cause: 'backoff', message };
  };

  const send = (
    connection: ReadyConnection,
    { query, tenant }: QueryRequest,
    evaluatedAtMs: EpochMs,
    deadline: Deadline,
  ) => {
    const parameters = new URLSearchParams(settings.parameters);
    parameters.set('query', query);
    parameters.set('time', (evaluatedAtMs / 1000).toFixed(3));
    parameters.set('timeout', `${Math.max(1, Math.floor(deadline.remainingMs() * serverShare))}ms`);
    return http(formRequest(settings, connection, url, parameters, deadline.signal, tenant));
  };

  const ask = async (request: QueryRequest, deadline: Deadline): Promise<QueryAnswer> => {
    const connection = await credentials.current();
    if (connection.kind === 'unusable')
      return fail('unauthorized', 'its credentials cannot be read', connection.message);

    const rest = restOf(request.tenant ?? '');
    const round = rest.round();
    const sentAtMs = clock.now();
    const evaluatedAtMs = request.atMs + skewMs(skew) - settings.queryOffsetMs;
    const outcome = await send(connection, request, evaluatedAtMs, deadline);
    const nowMs = clock.now();
    if (outcome.kind === 'failure' && outcome.cause === 'aborted' && !deadline.expired()) return cancelled;
    if (outcome.kind === 'response') skew = observeSkew(skew, outcome.header('date'), sentAtMs, nowMs);

    const answer = readOutcome(outcome);
    if (answer.kind === 'failure') {
      if (answer.backOff) rest.failed(round, nowMs, retryAfter(outcome, nowMs));
      return fail(answer.cause, answer.message, answer.detail);
    }
    rest.succeeded();
    const skewNowMs = skewMs(skew);
    if (Math.abs(skewNowMs) > unusableSkewMs) {
      return fail('clock-skew', `its clock is ${skewNowMs / 1000} s from ours, more than ${unusableSkewMs / 1000} s`);
    }
    lastSuccessMs = nowMs;
    lastError = undefined;
    // Some stores answer for an earlier moment than asked (theirs is not complete yet). What counts as evidence is the
    // moment that the samples are of.
    const answeredAtMs = Math.min(evaluatedAtMs, answer.evaluatedAtMs ?? evaluatedAtMs);
    return {
      kind: 'samples',
      samples: answer.samples,
      notes: answer.notes,
      evaluatedAtMs: answeredAtMs,
      evaluatedAtLocalMs: answeredAtMs - skewNowMs,
    };
  };

  const askInTurn = async (request: QueryRequest, deadline: Deadline): Promise<QueryAnswer> => {
    const leave = await gate.enter(deadline.signal);
    if (leave === undefined) {
      return deadline.expired()
        ? fail('timeout', `no free place among ${settings.concurrency} queries under way`)
        : cancelled;
    }
    try {
      return resting(request) ?? (await ask(request, deadline));
    } finally {
      leave();
    }
  };

  return {
    async query(request, signal) {
      const early = resting(request);
      if (early !== undefined) return early;
      const deadline = createDeadline(clock, Math.min(request.timeoutMs, settings.timeoutMs), signal);
      try {
        return await askInTurn(request, deadline);
      } finally {
        deadline.dispose();
      }
    },
    health: () => ({
      name,
      skewMs: skewMs(skew),
      ...(lastSuccessMs !== undefined && { lastSuccessMs }),
      ...(lastError !== undefined && { lastError }),
    }),
    close: () => credentials.close(),
  };
}

const cancelled: QueryAnswer = { kind: 'error', cause: 'timeout', message: 'cancelled' };

function readOutcome(outcome: HttpOutcome) {
  if (outcome.kind === 'response') {
    return readAnswer(
      { status: outcome.status, contentType: outcome.header('content-type'), body: outcome.body },
      maxSeries,
    );
  }
  const { cause, ...words } = outcome;
  const failure: ApiFailure =
    cause === 'aborted'
      ? { kind: 'failure', cause: 'timeout', message: 'no answer in time', backOff: false }
      : { ...words, cause, backOff: cause === 'unreachable' };
  return failure;
}

function retryAfter(outcome: HttpOutcome, nowMs: EpochMs): number | undefined {
  return outcome.kind === 'response' ? retryAfterMs(outcome.header('retry-after'), nowMs) : undefined;
}
