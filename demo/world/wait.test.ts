import { expect, it } from 'vitest';
import { eventually } from './wait.ts';

it('returns the first value that is neither false nor undefined', async () => {
  const answers = [undefined, false, 0];
  await expect(eventually(() => answers.shift(), { timeoutMs: 5000, everyMs: 0 })).resolves.toBe(0);
});

it('takes a throw as "not yet"', async () => {
  let tries = 0;
  const probe = (): number => {
    tries += 1;
    if (tries < 3) {
      throw new Error('not yet');
    }
    return tries;
  };
  await expect(eventually(probe, { timeoutMs: 5000, everyMs: 0 })).resolves.toBe(3);
});

it('says what it waited for and why the last try failed', async () => {
  const probe = (): never => {
    throw new Error('connection refused');
  };
  const waiting = eventually(probe, { timeoutMs: 0, what: 'the port is open' });
  await expect(waiting).rejects.toThrow('not within 0 ms: the port is open: connection refused');
});

it('stops waiting when aborted', async () => {
  const aborter = new AbortController();
  const probe = (): false => {
    aborter.abort(new Error('never mind'));
    return false;
  };
  await expect(eventually(probe, { timeoutMs: 60_000, everyMs: 60_000, signal: aborter.signal })).rejects.toThrow(
    'never mind',
  );
});
