/** How far it is, on standard error: a bar for a person, a line for each stage where nobody looks. */
import type { Output } from '../context.ts';

export interface ProgressBar {
  show(stage: string, share: number): void;
  /** Leaves nothing behind on a terminal. */
  end(): void;
}

const cells = 30;

export function createProgressBar(output: Output): ProgressBar {
  let shown = '';
  const say = (text: string): void => {
    if (text === shown) return;
    shown = text;
    output.write(output.isTerminal ? `\r\u001b[K${text}` : `${text}\n`);
  };
  return {
    show(stage, share) {
      if (!output.isTerminal) return say(stage);
      const full = Math.round(share * cells);
      say(`${stage} [${'#'.repeat(full)}${'.'.repeat(cells - full)}] ${Math.floor(share * 100)} %`);
    },
    end() {
      if (output.isTerminal) output.write('\r\u001b[K');
    },
  };
}
