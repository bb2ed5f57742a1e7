import { describe, expect, it } from 'vitest';
import { breakerOf, evidenceOf, policyOf, type Values, world } from '../../test/support/world.ts';
import { noFleet } from '../runtime.ts';
import { fromRecord, isWorthSaving, type ServiceRecord, toRecord } from './record.ts';

describe('the rate a fleet is known to fail', () => {
  const ratio = breakerOf({
    detector: { kind: 'ratio', bad: 'bad', total: 'total', minRequests: 30, minBad: 5, sensitivity: 0.005 },
  });
  const w = world({ policy: policyOf({ breakers: [ratio] }) });
  const see = (bad: Values) => w.evaluate({ ...evidenceOf(bad), total: evidenceOf(w.all(1_000)).samples });
  const record = () => JSON.parse(JSON.stringify(toRecord(w.state, 1))) as ServiceRecord;

  it('is on record, and so is what of it matters', () => {
    see(w.all(100));
    const saved = record();
    expect(fromRecord(saved, noFleet(w.state.service)).breakers.get('errors')?.baseline.level).toBeCloseTo(0.1, 3);
    see(w.all(120));
    expect(isWorthSaving(saved, record())).toBe(false);
    for (let evaluation = 0; evaluation < 20; evaluation += 1) see(w.all(50));
    expect(isWorthSaving(saved, record())).toBe(true);
  });
});
