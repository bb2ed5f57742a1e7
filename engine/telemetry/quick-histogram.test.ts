import { Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createQuickHistogram } from './quick-histogram.ts';

test('tells what the histogram it stands for would tell', async () => {
  const options = { name: 'seconds', help: 'How long', buckets: [0.1, 1, 10] };
  const registries = [new Registry(), new Registry()] as const;
  const quick = createQuickHistogram({ ...options, registry: registries[0], label: 'type' });
  const slow = new Histogram({ ...options, labelNames: ['type'], registers: [registries[1]] });
  for (const [type, value] of [
    ['eds', 0.1],
    ['eds', 0.5],
    ['cds', 0],
    ['eds', 10],
    ['eds', 11],
  ] as const) {
    quick.observe(type, value);
    slow.observe({ type }, value);
  }
  expect(await registries[0].metrics()).toBe(await registries[1].metrics());
});
