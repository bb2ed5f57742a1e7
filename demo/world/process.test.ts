import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ProcessSpec, startProcess, untilReady } from './process.ts';
import { eventually } from './wait.ts';

function script(code: string): ProcessSpec {
  return { name: 'script', command: process.execPath, args: ['--input-type=module', '-e', code] };
}

const forever = 'setInterval(() => {}, 1000)';

function isRunning(pid: number): boolean {
  try {
    // A process that ended and was not yet waited for is a zombie.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a started process', () => {
  it('is gone when stop() resolves, and may be stopped again', async () => {
    const running = await startProcess(script(forever));
    expect(isRunning(running.pid)).toBe(true);
    await running.stop();
    expect(isRunning(running.pid)).toBe(false);
    await running.stop();
    expect(running.exit()).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('keeps its output', async () => {
    const running = await startProcess(script('console.log("to stdout"); console.error("to stderr")'));
    await running.exited;
    expect(running.log().split('\n').sort()).toEqual(['', 'to stderr', 'to stdout']);
    expect(running.exit()).toEqual({ code: 0, signal: null });
  });

  it('does not outlive its parent, even one that was killed', async () => {
    const module = JSON.stringify(new URL('process.ts', import.meta.url).href);
    const parent = await startProcess(
      script(`
        const { startProcess } = await import(${module});
        const child = await startProcess(${JSON.stringify(script(forever))});
        console.log('child', child.pid);
        ${forever};
      `),
    );
    const child = await eventually(() => /child (\d+)/.exec(parent.log())?.[1], { timeoutMs: 10_000 });
    expect(isRunning(Number(child))).toBe(true);
    parent.kill('SIGKILL');
    await parent.exited;
    await eventually(() => !isRunning(Number(child)), { timeoutMs: 10_000, what: 'the child is gone' });
  });
});

describe('waiting until it is ready', () => {
  it('ends as soon as the process has ended, and quotes its log', async () => {
    const running = await startProcess(script('console.error("port in use"); process.exitCode = 3'));
    const waiting = untilReady(running, () => false, { timeoutMs: 60_000 });
    await expect(waiting).rejects.toThrow('script ended (exit code 3) before it was ready\nport in use');
  });

  it('stops a process that does not become ready in time', async () => {
    const running = await startProcess(script(forever));
    await expect(untilReady(running, () => false, { timeoutMs: 50 })).rejects.toThrow(
      'not within 50 ms: script is ready',
    );
    expect(isRunning(running.pid)).toBe(false);
  });
});
