import { describe, expect, it } from 'vitest';
import { serviceView } from '../engine/admin/view.ts';
import type { ServiceProblem } from '../engine/engine.ts';
import { backendOf, breakerOf, deviationOf, policyOf, type World, world } from '../test/support/world.ts';
import { breakersTable, groupsTable, servicesTable } from './service-table.ts';

it('says that a policy is not in force, or that a record cannot be read, the gravest first', () => {
  const w = world();
  const problem = { code: 'KV0101', severity: 'error', message: 'no' } as const;
  const lineOf = (...about: readonly ServiceProblem['about'][]): string => {
    const problems = about.map((each) => ({ about: each, problem }));
    return servicesTable([serviceView(w.state, { now: w.now, suspension: undefined, problems }, false)]);
  };
  expect(lineOf('policy')).toMatch(/ policy is invalid \(KV0101\)\n$/);
  expect(lineOf('policy', 'record')).toMatch(/ record unreadable: frozen\n$/);
});

describe('where a breaker judges groups', () => {
  const price = breakerOf({ name: 'price', detector: deviationOf(), groupBy: ['version'] });
  const shop = (versions: string): World =>
    world({
      fleet: [...versions].map((version, index) => backendOf(`p${index + 1}`, { labels: { version } })),
      policy: policyOf({ breakers: [price] }),
    });
  const viewOf = (w: World) => serviceView(w.state, { now: w.now, suspension: undefined }, false);

  it('it tells that nobody is judged, in the line of the Service, too', () => {
    const w = shop('aabbc');
    w.evaluations(2, w.all(100));
    expect(servicesTable([viewOf(w)])).toMatch(/ price: nobody is judged\n$/);
    expect(breakersTable(viewOf(w), w.now)).toMatch(/ nobody is judged: /);
    expect(groupsTable(viewOf(w))).toMatch(/version=a +2 +insufficient +- +normal +100 +150 +its group version=a/);
  });
  it('it tells which group has moved, and which is unlike the rest', () => {
    const w = shop('aaaabbb');
    w.evaluations(2, w.all(100));
    w.evaluate(w.all(100, { p5: 900, p6: 900, p7: 900 }));
    expect(servicesTable([viewOf(w)])).toMatch(/ price: group fleet-wide\n$/);
    const [, header, a, b] = groupsTable(viewOf(w)).split('\n');
    expect(header).toMatch(/^BREAKER +GROUP +SIZE +OUTCOME +BASELINE +REST +VALUE +BOUND +WHY$/);
    expect(a).toMatch(/^price +version=a +4 +judged +100 +insufficient +- +- +the rest/);
    expect(b).toMatch(/^price +version=b +3 +fleet-wide +100 +anomalous +900 +150 +the median/);
  });
  it('and nothing where there are none', () => {
    expect(groupsTable(viewOf(world()))).toBe('');
  });
});
