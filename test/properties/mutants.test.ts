/**
 * That the invariants hold says something only if they can fail. Here the parts under test are broken on purpose, one
 * mistake at a time, and the check that is there for it has to notice within a few lives.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { ModelClient } from '../support/xds-model-client.ts';
import { decisionOf, type World, world } from '../support/world.ts';
import { brokenInstallations } from './broken-installations.ts';
import { brokenSteps } from './broken-steps.ts';
import { listen as listenTo, runChecked } from './checked-installation.ts';
import { liveChecked } from './checked-life.ts';
import { histories } from './history.ts';
import { type Installation, weights as installationWeights } from './installation.ts';
import { everythingEnds, evictionKeeper, newOnesAreInnocent, versionKeeper } from './invariants/replicas.ts';
import { rulesInSource } from './invariants/rules.ts';
import { weights } from './life.ts';
import type { Replica } from './replica.ts';
import { createTally } from './tally.ts';

/** Most are caught in the first few. */
const lives = 1_000;
const installations = 300;
const timeout = 300_000;

describe('a state machine that', { timeout }, () => {
  it.each(brokenSteps)('$mistake is caught by $caughtBy', ({ caughtBy, parts }) => {
    const found = fc.check(
      fc.property(histories(weights, 300), (history) => liveChecked(history, createTally(), parts(), caughtBy)),
      { seed: 1, numRuns: lives, endOnFailure: true },
    );
    expect(found.failed && found.errorInstance).toMatchObject({ message: expect.stringMatching(`^${caughtBy}:`) });
  });
});

describe('a process that', { timeout }, () => {
  it.each(brokenInstallations)('$mistake is caught by $caughtBy', async ({ caughtBy, start }) => {
    const found = await fc.check(
      fc.asyncProperty(histories(installationWeights, 60), (history) =>
        runChecked(history, createTally(), { start }, caughtBy),
      ),
      { seed: 1, numRuns: installations, endOnFailure: true },
    );
    expect(found.failed && found.errorInstance).toMatchObject({ message: expect.stringContaining(`${caughtBy}:`) });
  });
});

/** What no mistake in a part could bring about in the simulation: the checks are given it as it is. */
describe('it would be noticed', () => {
  const replica = { epoch: 1 } as Replica;
  const clientThat = (part: Partial<ModelClient>): Installation =>
    ({ replicas: [], followers: [{ server: replica, client: part }] }) as unknown as Installation;

  it('I8 version: that a version has another content at the next server', () => {
    const onAct = versionKeeper();
    onAct(clientThat({ kept: new Map([['a', { content: 'one', version: 'v' }]]) }));
    expect(() => onAct(clientThat({ kept: new Map([['a', { content: 'two', version: 'v' }]]) }))).toThrow(
      'I8 version:',
    );
  });

  it('I9 clients: that a client has something else in the end', () => {
    expect(() => everythingEnds(clientThat({ differences: () => ['shop/pricer is old'] }))).toThrow('I9 clients:');
  });

  it('I10 replaced: that a new pod is out from the beginning', () => {
    const { state } = ejected();
    const known = { replicas: [{ engine: { states: () => [state] } }], followers: [] } as unknown as Installation;
    expect(() => newOnesAreInnocent(known, 'p1')).toThrow('I10 replaced:');
  });

  it('I13 once: that an eviction is asked for again', () => {
    const { onEffect } = evictionKeeper();
    const effect = { kind: 'evict', decision: decisionOf('p1', 'evicted') } as const;
    onEffect(replica, effect);
    expect(() => onEffect(replica, effect)).toThrow('I13 once:');
  });

  it('I17 stream: that a client is sent what it did not ask for', () => {
    const listen = (): void => {
      throw new Error('shop/b was not asked for');
    };
    expect(() => listenTo({ listen } as ModelClient)).toThrow('I17 stream:');
  });
});

test('for every check there is a mistake that it catches', () => {
  const checks = new Set(['defect', ...rulesInSource().map(({ id, name }) => `${id} ${name}`)]);
  const here = readFileSync(join(import.meta.dirname, 'mutants.test.ts'), 'utf8');
  const direct = [...here.matchAll(/it\('(I\d+ [^:]+):/g)].map(([, rule]) => rule);
  const caught = new Set([...brokenSteps, ...brokenInstallations].map(({ caughtBy }) => caughtBy));
  expect(new Set([...caught, ...direct])).toEqual(checks);
});

function ejected(): World {
  const w = world();
  w.eject('p1');
  return w;
}
