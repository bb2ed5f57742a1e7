import { expect, it } from 'vitest';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';

describeWith(['prometheus'], 'a real Prometheus', ({ prometheus: executable }) => {
  const programs = usePrograms();

  it('answers queries and reads the configuration it was given', async () => {
    const prometheus = await programs.prometheus({
      executable,
      config: { global: { external_labels: { shop: 'flights' } } },
      flags: ['--query.lookback-delta=7s'],
    });
    const ask = async (path: string): Promise<unknown> => {
      const answer = await fetch(`${prometheus.url}/api/v1/${path}`);
      return ((await answer.json()) as { data: unknown }).data;
    };
    expect(await ask('query?query=vector(42)')).toMatchObject({ result: [{ value: [expect.any(Number), '42'] }] });
    expect(await ask('status/config')).toMatchObject({ yaml: expect.stringContaining('shop: flights') });
    expect(await ask('status/flags')).toMatchObject({ 'query.lookback-delta': '7s' });
  });

  it('that refuses its configuration says so at once', async () => {
    const starting = programs.prometheus({ executable, config: { nonsense: true } });
    await expect(starting).rejects.toThrow(/prometheus ended \(exit code \d\) before it was ready[^]*nonsense/);
  });
});
