import { expect, it } from 'vitest';
import { drawLuck, readLuck, writeLuck } from './requests.ts';

it('the luck of requests is the same for the same seed, and survives the way to a pod', () => {
  const [draw, again, other] = [drawLuck(1), drawLuck(1), drawLuck(2)];
  const drawn = Array.from({ length: 100 }, draw);
  expect(Array.from({ length: 100 }, again)).toEqual(drawn);
  expect(Array.from({ length: 100 }, other)).not.toEqual(drawn);
  for (const luck of drawn) {
    const read = readLuck(writeLuck(luck));
    expect(read.error).toBeCloseTo(luck.error, 5);
    expect(read.price).toBeCloseTo(luck.price, 5);
    expect(read.duration).toBeCloseTo(luck.duration, 5);
  }
});
