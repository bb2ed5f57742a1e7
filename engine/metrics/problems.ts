/** What is wrong with the metric sources right now, for `/readyz`, the log and the metrics. */
import type { Problem, ProblemCode } from '../problem.ts';
import type { MetricSourceHealth, QueryErrorCause } from './source.ts';

/** From here on a person should look at the clocks; the source is still used, with its evaluation times corrected. */
const reportedSkewMs = 2000;

interface Explanation {
  readonly code: ProblemCode;
  readonly remedy?: string;
}

const explanations: Readonly<Record<QueryErrorCause, Explanation>> = {
  unreachable: { code: 'KV0320', remedy: 'check that it runs, its URL, and the network and certificates between' },
  timeout: { code: 'KV0321', remedy: 'make the queries lighter (recording rules), or raise the timeout' },
  unauthorized: { code: 'KV0322', remedy: 'check auth, the files it names, and the tenant header' },
  throttled: { code: 'KV0323', remedy: 'use longer evaluation periods, or raise the limit of the source' },
  redirected: { code: 'KV0324', remedy: 'give the URL that answers by itself' },
  'bad-query': { code: 'KV0325', remedy: 'correct the query of the policy' },
  'bad-answer': { code: 'KV0326', remedy: 'check that the URL is the base of a Prometheus query API' },
  'too-large': { code: 'KV0327', remedy: 'aggregate by backend, and select one service' },
  partial: { code: 'KV0328', remedy: 'see what the source misses; nothing is judged on a part of the data' },
  'clock-skew': { code: 'KV0329', remedy: 'synchronise the clocks' },
  'server-error': { code: 'KV0330', remedy: 'see the log of the source' },
  backoff: { code: 'KV0331' },
  'unknown-source': { code: 'KV0332', remedy: 'add it to metricSources of the serving config, or correct the policy' },
};

/** The stable code behind an error of a source. */
export function queryProblem(cause: QueryErrorCause, message: string): Problem {
  return { severity: 'error', message, ...explanations[cause] };
}

/** A source is in trouble from an error until its next success. */
export function metricSourceProblems(health: readonly MetricSourceHealth[]): readonly Problem[] {
  return health.flatMap(({ name, lastError, skewMs }) => {
    const field = `metricSources.${name}`;
    const problems: Problem[] = [];
    if (lastError !== undefined) {
      problems.push({ ...queryProblem(lastError.cause, lastError.message), field });
    } else if (Math.abs(skewMs) > reportedSkewMs) {
      problems.push({
        code: 'KV0329',
        severity: 'warning',
        field,
        message: `its clock is ${Math.abs(skewMs) / 1000} s ${skewMs > 0 ? 'ahead of' : 'behind'} ours; queries are corrected for it`,
        remedy: 'synchronise the clocks',
      });
    }
    return problems;
  });
}
