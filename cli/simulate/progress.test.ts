import { expect, it } from 'vitest';
import { createProgressBar } from './progress.ts';

function shown(isTerminal: boolean): string {
  let text = '';
  const bar = createProgressBar({ isTerminal, columns: 80, write: (part) => void (text += part) });
  for (const share of [0, 0.5, 0.5, 1]) bar.show('fetching', share);
  bar.show('replaying', 0);
  bar.end();
  return text;
}

it('is a bar where a person looks, and leaves nothing behind', () => {
  expect(shown(true)).toContain(`\r\u001b[Kfetching [${'#'.repeat(15)}${'.'.repeat(15)}] 50 %`);
  expect(shown(true).endsWith('\r\u001b[K')).toBe(true);
});

it('is one line for each stage in a log', () => {
  expect(shown(false)).toBe('fetching\nreplaying\n');
});
