/** What was begun and has to end, last first. */
import { defect } from './defect.ts';
import type { Problem } from './problem.ts';

export interface Undo {
  add(step: () => Promise<void> | void): void;
  /** Runs every step, whatever becomes of the others: one that fails must not keep a lock or lose the log. */
  run(onProblem: (problem: Problem) => void): Promise<void>;
}

export function createUndo(): Undo {
  const steps: (() => Promise<void> | void)[] = [];
  return {
    add: (step) => void steps.push(step),
    async run(onProblem) {
      for (const step of steps.toReversed()) {
        try {
          await step();
        } catch (error) {
          onProblem(defect('ending', error));
        }
      }
    },
  };
}
