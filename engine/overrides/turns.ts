/** One of each group, then the second of each, and so on; within a group the order stays. A group of thousands holds up no other. */
export function inTurns<T>(items: readonly T[], groupOf: (item: T) => string): readonly T[] {
  const counts = new Map<string, number>();
  const ranked = items.map((item) => {
    const group = groupOf(item);
    const rank = counts.get(group) ?? 0;
    counts.set(group, rank + 1);
    return { item, rank };
  });
  return ranked.toSorted((a, b) => a.rank - b.rank).map(({ item }) => item);
}
