import { describe, expect, it } from 'vitest';
import { decisionOf } from '../../test/support/fixtures.ts';
import { costAnnotation, ownCostAnnotation, rotationLabel } from '../kubernetes/mark-names.ts';
import { loweredCost, markPatch, wantedMarks } from './marks.ts';

const both = { label: true, deletionCost: true };
const onlyLabel = { label: true, deletionCost: false };
const onlyCost = { label: false, deletionCost: true };
const none = { label: false, deletionCost: false };

describe('what is wanted', () => {
  it('is known of whoever is out, by the name of its pod and its UID', () => {
    const decisions = [decisionOf('p1', 'ejected'), decisionOf('p2', 'serving')];
    expect([...wantedMarks([{ namespace: 'shop', decisions }])]).toEqual([
      ['shop/p1', { namespace: 'shop', name: 'p1', uid: 'p1', state: 'ejected' }],
    ]);
  });
  it('of a pod that is out of two Services, what keeps it out for longest, whichever comes first', () => {
    const services = (['ramping', 'paused'] as const).map((state) => ({
      namespace: 'shop',
      decisions: [decisionOf('p1', state)],
    }));
    for (const order of [services, services.toReversed()]) {
      expect(wantedMarks(order).get('shop/p1')?.state).toBe('paused');
    }
  });
});

describe('the label', () => {
  it('has the state of who is out, and changes with it', () => {
    expect(markPatch({}, 'ejected', onlyLabel)).toEqual({ labels: { [rotationLabel]: 'ejected' } });
    const labels = { app: 'pricer', [rotationLabel]: 'ejected' };
    expect(markPatch({ labels }, 'ejected', onlyLabel)).toBeUndefined();
    expect(markPatch({ labels }, 'probing', onlyLabel)).toEqual({ labels: { [rotationLabel]: 'probing' } });
  });
  it('goes when the pod serves, and when labels are switched off', () => {
    const labels = { [rotationLabel]: 'ejected' };
    expect(markPatch({ labels }, undefined, onlyLabel)).toEqual({ labels: { [rotationLabel]: null } });
    expect(markPatch({ labels }, 'ejected', none)).toEqual({ labels: { [rotationLabel]: null } });
    expect(markPatch({}, undefined, onlyLabel)).toBeUndefined();
  });
  it('is left alone where it has a value that is none of ours', () => {
    const labels = { [rotationLabel]: 'clockwise' };
    for (const state of [undefined, 'ejected'] as const)
      expect(markPatch({ labels }, state, onlyLabel)).toBeUndefined();
  });
});

describe('the deletion cost', () => {
  const ours = { [costAnnotation]: loweredCost, [ownCostAnnotation]: loweredCost };
  it('is lowered while the pod is out, and goes with what says that it is ours', () => {
    expect(markPatch({}, 'ejected', onlyCost)).toEqual({ annotations: ours });
    expect(markPatch({ annotations: ours }, 'probing', onlyCost)).toBeUndefined();
    const gone = { annotations: { [costAnnotation]: null, [ownCostAnnotation]: null } };
    expect(markPatch({ annotations: ours }, undefined, onlyCost)).toEqual(gone);
    expect(markPatch({ annotations: ours }, 'ejected', none)).toEqual(gone);
  });
  it('of somebody else is never touched', () => {
    for (const cost of ['100', '-5000', loweredCost]) {
      const annotations = { [costAnnotation]: cost };
      for (const state of [undefined, 'ejected'] as const) {
        expect(markPatch({ annotations }, state, onlyCost)).toBeUndefined();
      }
    }
  });
  it('that somebody has changed since is theirs: only what says that it is ours goes', () => {
    const annotations = { ...ours, [costAnnotation]: '7' };
    for (const state of [undefined, 'ejected'] as const) {
      expect(markPatch({ annotations }, state, onlyCost)).toEqual({ annotations: { [ownCostAnnotation]: null } });
    }
  });
});

it('both are written in one piece', () => {
  expect(Object.keys(markPatch({}, 'paused', both) ?? {})).toEqual(['labels', 'annotations']);
});
