import { describe, expect, it } from 'vitest';
import { samplesOf, type Value } from '../../test/support/world.ts';
import { backendId } from '../model.ts';
import { singleReading } from './readings.ts';

const id = backendId('p1');
const read = (value: Value) =>
  singleReading({ byBackend: new Map([[id, samplesOf('p1', value)]]), ambiguous: new Map() }, id);

describe('exactly one finite number is a value', () => {
  it('a number is', () => expect(read(0.5)).toEqual({ kind: 'value', value: 0.5 }));
  it('zero is', () => expect(read(0)).toEqual({ kind: 'value', value: 0 }));

  it.each(['NaN', '+Inf', '-Inf', undefined] as const)('%s is absence of evidence', (value) => {
    expect(read(value)).toMatchObject({ kind: 'missing' });
  });
  it('a histogram is an error that says what to use instead', () => {
    expect(read('histogram')).toMatchObject({ kind: 'invalid', reason: expect.stringContaining('histogram_quantile') });
  });
  it('two series for one backend are an error, even if they agree', () => {
    expect(read([...samplesOf('p1', 1), ...samplesOf('p1', 1)])).toMatchObject({ kind: 'invalid' });
  });
  it('a match that is not unique is an error with its reason', () => {
    const samples = { byBackend: new Map([[id, samplesOf('p1', 1)]]), ambiguous: new Map([[id, 'two pods p1']]) };
    expect(singleReading(samples, id)).toEqual({ kind: 'invalid', reason: 'two pods p1' });
  });
});
