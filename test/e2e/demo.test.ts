/** The demo is the product's promise: every step of it is asserted by the demo itself. */
import { expect, it } from 'vitest';
import type { DemoFigures } from '../../demo/run.ts';
import { runCli } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';

describeWith(['envoy', 'prometheus'], 'kubervisor demo --ci', () => {
  it('plays all acts, prints its figures on the last line, and leaves nothing behind', {
    timeout: 240_000,
  }, async () => {
    const { code, stdout, stderr } = await runCli(['demo', '--ci']);
    expect(stderr).toBe('');
    expect(code, stdout).toBe(0);
    const figures = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as DemoFigures;
    expect(figures.obeying.wrongWhileEjected).toBe(0);
    expect(figures.own.wrongWhileEjected).toBeGreaterThan(0);
    expect(figures.outInCollectiveFailure).toBe(0);
    // The first ejection, and the one from the probe while it was still bad; that they are those, the demo checks.
    expect(figures.simulatedEjections).toBeGreaterThanOrEqual(2);
  });
});
