/** The benchmark of the xDS server, at sizes that show nothing but that it still runs, and that its counts hold. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Measured } from '../bench/xds/page.ts';
import { describeWith } from '../support/parts.ts';

describeWith(['xds-bench'], 'the xDS benchmark', () => {
  test('each subscriber gets each change once, and nobody else gets any, from us and from LinearCache', async () => {
    const main = join(import.meta.dirname, '../bench/main.ts');
    const run = await promisify(execFile)(process.execPath, [main, 'xds', '--quick', '-o', 'json']);
    const { measured } = JSON.parse(run.stdout) as { readonly measured: readonly Measured[] };
    const counts = measured.flatMap(({ scenario: { name, flips, subscribers, stalled }, rounds }) =>
      (['kubervisor', 'linear'] as const).flatMap((server) =>
        (rounds[server] ?? []).map(({ messages, strays }) => ({
          name,
          server,
          perFlip: messages / flips,
          subscribers: subscribers - stalled,
          strays,
        })),
      ),
    );
    expect(counts).toHaveLength(4);
    expect(counts.filter(({ perFlip, subscribers, strays }) => perFlip !== subscribers || strays !== 0)).toEqual([]);
  });
});
