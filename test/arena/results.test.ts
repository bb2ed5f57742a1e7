import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { removeFolder } from '../../demo/world/folder.ts';
import type { Recording } from './recording.ts';
import { openResults } from './results.ts';
import { scenarios } from './scenarios.ts';

it('keeps what was recorded of a scenario, until the scenario or the wish changes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kubervisor-arena-'));
  onTestFinished(() => removeFolder(folder));
  const [first, second] = scenarios;
  if (first === undefined || second === undefined) throw new Error('there are no scenarios');
  const recording = { scenario: first.name, contenders: {}, latestSendMs: 7 } as unknown as Recording;

  openResults({ fresh: false, folder }).put(first, recording);
  const kept = openResults({ fresh: false, folder });
  expect(kept.get(first)).toEqual(recording);
  expect(kept.get({ ...first, story: 'told otherwise' })).toEqual(recording);
  expect(kept.get({ ...first, lengthS: first.lengthS + 1 })).toBeUndefined();
  expect(kept.get(second)).toBeUndefined();
  expect(openResults({ fresh: true, folder }).get(first)).toBeUndefined();
});
