/** Who waits: one of each group in turn, and within a group who came first. A group of thousands holds up no other. */
export interface TurnQueue<T> {
  add(group: string, item: T): void;
  remove(group: string, item: T): void;
  /** Takes out whose turn it is. */
  take(): T | undefined;
  isEmpty(): boolean;
}

export function createTurnQueue<T>(): TurnQueue<T> {
  /** The group whose turn it is comes first. None of them is empty. */
  const groups = new Map<string, Set<T>>();

  return {
    add(group, item) {
      const members = groups.get(group) ?? new Set<T>();
      groups.set(group, members.add(item));
    },
    remove(group, item) {
      const members = groups.get(group);
      members?.delete(item);
      if (members?.size === 0) groups.delete(group);
    },
    take() {
      for (const [group, members] of groups) {
        groups.delete(group);
        for (const item of members) {
          members.delete(item);
          if (members.size > 0) groups.set(group, members);
          return item;
        }
      }
      return undefined;
    },
    isEmpty: () => groups.size === 0,
  };
}
