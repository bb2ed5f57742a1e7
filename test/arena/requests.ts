/**
 * What clients ask, by seed. A request carries its own luck: whether it meets an error of a pod that errs in 3 % of its
 * answers is drawn once, and is the same for every contender that sends it to such a pod. So a difference between two
 * contenders is whom they asked, not what they drew.
 */
import { randomFrom } from '../support/random.ts';

export interface Luck {
  /** It fails at a pod that errs in more than this share of its answers. */
  readonly error: number;
  /** From 0 to 1: where in the usual range of prices it is. */
  readonly price: number;
  /** From 0 to 1: where in the usual range of durations it is. */
  readonly duration: number;
}

export const luckHeader = 'x-luck';

export function drawLuck(seed: number): () => Luck {
  const random = randomFrom(seed);
  return () => ({ error: random.next(), price: random.next(), duration: random.next() });
}

export function writeLuck({ error, price, duration }: Luck): string {
  return [error, price, duration].map((value) => value.toFixed(6)).join();
}

export function readLuck(text: string): Luck {
  const [error = 1, price = 0, duration = 0] = text.split(',').map(Number);
  return { error, price, duration };
}

/** Usual durations, in milliseconds. */
export const usualMs = { least: 60, most: 80 };

/**
 * A client that waited longer calls the answer bad. A pod that takes three times as long is never so quick, and for one
 * that is well the machine would have to be 90 ms late.
 */
export const slowAboveMs = 170;
