import { expect, it } from 'vitest';
import { formatProblem } from '../../engine/problem.ts';
import { createPolicyParser } from '../../engine/policy/parse.ts';
import { policyOf } from './policy.ts';
import { faultsEndS, isBroken, type Scenario, symptomsAt } from './scenario.ts';
import { scenarios } from './scenarios.ts';

it('scenarios have names of their own', () => {
  expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length);
});

it.each(scenarios)('$name begins well, ends well, and leaves time to come back', (scenario) => {
  const sick = (atS: number): readonly number[] =>
    [...scenario.pods.keys()].filter((pod) => isBroken(scenario, pod, atS));
  expect(sick(0)).toEqual([]);
  expect(sick(faultsEndS(scenario))).toEqual([]);
  expect(scenario.lengthS).toBeGreaterThanOrEqual(faultsEndS(scenario) + 30);
  for (const { pods, fromS, untilS } of scenario.faults) {
    expect(untilS).toBeGreaterThan(fromS);
    expect(pods.every((pod) => scenario.pods[pod] !== undefined)).toBe(true);
  }
});

it.each(scenarios)(
  '$name has a policy that is accepted, with nothing to say but that it judges often, for speed',
  (scenario) => {
    const [outcome] = createPolicyParser().parseText(JSON.stringify(policyOf(scenario)));
    const said = outcome?.kind === 'accepted' ? outcome.warnings : (outcome?.problems ?? []);
    expect(outcome?.kind).toBe('accepted');
    expect(said.filter(({ code }) => code !== 'KV0152').map(formatProblem)).toEqual([]);
  },
);

it('a pod has the symptoms of its faults while they last, and its usual errors before and after', () => {
  const told = { name: 't', title: '', story: '', lesson: '', requestsPerSecond: 1, envoys: 1, lengthS: 9 };
  const pod = { zone: 'a', version: 'v1', joinsAtS: 0, errorShare: 0.01 };
  const faults = [{ blame: 'cold', pods: [1], fromS: 2, untilS: 4, symptoms: { slowness: 3 } }] as const;
  const scenario: Scenario = { ...told, pods: [pod, pod], faults, acts: [], policy: {} };
  const well = { errorShare: 0.01, isWrong: false, slowness: 1, isDown: false };
  expect([-1, 1.9, 4].map((atS) => symptomsAt(scenario, 1, atS))).toEqual([well, well, well]);
  expect(symptomsAt(scenario, 1, 2)).toEqual({ ...well, slowness: 3 });
  expect(symptomsAt(scenario, 0, 3)).toEqual(well);
});
