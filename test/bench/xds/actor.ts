/** A process that is told what to do by a line of JSON and answers by a line of JSON, one at a time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

interface Command {
  readonly do: string;
  readonly [field: string]: unknown;
}

export interface Actor {
  readonly pid: number;
  /** @throws with its own words when it cannot, and when it ended. */
  say<Answer>(command: Command): Promise<Answer>;
  /** Ends it. */
  end(): Promise<void>;
}

export function startActor(command: string, args: readonly string[]): Actor {
  // Ends with its standard input, so with us too.
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const waiting: { resolve(line: string): void; reject(error: Error): void }[] = [];
  const fail = (error: Error): void => {
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.resolve(line));
  child.on('error', fail);
  child.on('exit', (code, signal) => fail(new Error(`${command} ${args.join(' ')} ended: ${signal ?? code}`)));
  child.stdin.on('error', fail);
  return {
    pid: child.pid ?? 0,
    async say<Answer>(message: Command): Promise<Answer> {
      const line = await new Promise<string>((resolve, reject) => {
        waiting.push({ resolve, reject });
        child.stdin.write(`${JSON.stringify(message)}\n`);
      });
      const answer = JSON.parse(line) as { readonly error?: string };
      if (answer.error !== undefined) throw new Error(`${message.do}: ${answer.error}`);
      return answer as Answer;
    },
    async end() {
      child.stdin.end();
      await exited;
    },
  };
}
