/**
 * One lane per document: writes go one at a time, in order, and those that wait merge into one. A slow disk then costs
 * latency, never a queue that grows.
 */
export interface Lane<Body, Result> {
  /** Writes `body` after what is under way. Bodies given before that begins stand for all: the latest is written. */
  write(body: Body): Promise<Result>;
  /** Runs after everything given before it, and before everything given after it. */
  after<Other>(run: () => Promise<Other>): Promise<Other>;
  /** Resolves when everything given so far is done. */
  idle(): Promise<void>;
}

/** `write`, and what is given to `after`, must not reject. */
export function createLane<Body, Result>(write: (body: Body) => Promise<Result>): Lane<Body, Result> {
  let tail: Promise<unknown> = Promise.resolve();
  let waiting: { body: Body; result: Promise<Result> } | undefined;

  function after<Other>(run: () => Promise<Other>): Promise<Other> {
    waiting = undefined;
    const result = tail.then(run);
    tail = result;
    return result;
  }

  return {
    write(body) {
      if (waiting !== undefined) {
        waiting.body = body;
        return waiting.result;
      }
      const result: Promise<Result> = after(() => {
        if (waiting === mine) waiting = undefined;
        return write(mine.body);
      });
      const mine = { body, result };
      waiting = mine;
      return result;
    },
    after,
    async idle() {
      await tail;
    },
  };
}
