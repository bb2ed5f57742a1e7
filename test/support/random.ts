/** Chance that can be repeated: the same seed gives the same draws. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** An integer in min..max, both included. */
  int(min: number, max: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly [T, ...T[]] | readonly T[]): T;
  some<T>(items: readonly T[], probability: number): readonly T[];
}

/** mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const random: Random = {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    },
    int: (min, max) => min + Math.floor(random.next() * (max - min + 1)),
    chance: (probability) => random.next() < probability,
    pick(items) {
      if (items.length === 0) throw new Error('nothing to pick from');
      return items[random.int(0, items.length - 1)] as (typeof items)[number];
    },
    some: (items, probability) => items.filter(() => random.chance(probability)),
  };
  return random;
}
