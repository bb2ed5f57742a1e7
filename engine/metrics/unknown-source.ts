/** Breakers whose metric source is none of theirs: found without asking anybody, and told without anybody's answer. */
import { type ServiceKey, splitServiceKey } from '../model.ts';
import type { Breaker } from '../policy/policy.ts';
import type { Problem } from '../problem.ts';
import type { ServiceState } from '../rotation/state.ts';
import type { PrometheusSettings } from './config.ts';
import { queryProblem } from './problems.ts';
import { isFor, notFor } from './tenancy.ts';

type Sources = ReadonlyMap<string, PrometheusSettings>;

/** Why policies of the namespace cannot use the source; undefined: they can. @param namespace undefined: no policy asks */
export function whyUnknown(name: string, namespace: string | undefined, sources: Sources): string | undefined {
  const settings = sources.get(name);
  if (settings === undefined) {
    const known = [...sources.keys()];
    const there = known.length === 0 ? 'there is none' : `there is ${known.join(', ')}`;
    return `metric source ${name} is not in the serving config; ${there}`;
  }
  return namespace === undefined || isFor(settings, namespace) ? undefined : notFor(name, namespace);
}

/** Why a breaker can have no answer, whomever it asks; undefined: nothing of the kind. */
export function blindnessOf(service: ServiceKey, breaker: Breaker, sources: Sources): Problem | undefined {
  if (breaker.detector.kind === 'customService') return undefined;
  const message = whyUnknown(breaker.source, splitServiceKey(service).namespace, sources);
  return message === undefined ? undefined : queryProblem('unknown-source', message);
}

export function unknownSourceProblems(states: readonly ServiceState[], sources: Sources): readonly Problem[] {
  return states.flatMap(({ service, policy }) => {
    if (policy === undefined) return [];
    const file = `KubervisorService ${policy.namespace}/${policy.name}`;
    return policy.breakers.flatMap((breaker) => {
      const problem = blindnessOf(service, breaker, sources);
      return problem === undefined ? [] : [{ ...problem, file, field: `breaker ${breaker.name}` }];
    });
  });
}
