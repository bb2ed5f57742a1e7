/** A cap on how much goes on at once; the rest waits in order of arrival. */

export interface Gate {
  /** The release function of a place, or undefined when `signal` aborted before one came free. */
  enter(signal: AbortSignal): Promise<(() => void) | undefined>;
}

export function createGate(places: number): Gate {
  let free = places;
  const queue = new Set<() => void>();

  const leave = (): void => {
    const [next] = queue;
    if (next === undefined) free += 1;
    else next();
  };

  const place = (): (() => void) => {
    let held = true;
    return () => {
      if (held) leave();
      held = false;
    };
  };

  return {
    enter(signal) {
      if (signal.aborted) return Promise.resolve(undefined);
      if (free > 0) {
        free -= 1;
        return Promise.resolve(place());
      }
      return new Promise((resolve) => {
        const admit = (): void => {
          queue.delete(admit);
          signal.removeEventListener('abort', giveUp);
          resolve(place());
        };
        const giveUp = (): void => {
          queue.delete(admit);
          resolve(undefined);
        };
        queue.add(admit);
        signal.addEventListener('abort', giveUp, { once: true });
      });
    },
  };
}
