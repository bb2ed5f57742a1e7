/** The metric sources of a serving config: each answers the simplest question there is. */
import { systemClock } from '../../engine/clock.ts';
import { loadConfig } from '../../engine/config.ts';
import { createMetricSources } from '../../engine/metrics/registry.ts';
import { type Check, failed, ok } from './world.ts';

const timeoutMs = 10_000;

export const metricSourcesCheck: Check = {
  id: 'metric-sources',
  about: 'the metric sources',
  async run({ config, cluster: { signal } }) {
    if (config === undefined) return [];
    const { metricSources: sources } = await loadConfig(config, signal);
    const metrics = createMetricSources({ sources, clock: systemClock, random: Math.random });
    try {
      return await Promise.all(
        [...sources].map(async ([name, { url }]) => {
          const question = { query: 'vector(1)', atMs: systemClock.now(), timeoutMs, lookbackMs: 0 };
          const answer = await metrics.get(name, undefined).query(question, signal);
          if (answer.kind !== 'error') return ok(`metric source ${name} answers, at ${url}`);
          const hint = 'it was asked from here: from a replica the way may be another';
          return failed(`metric source ${name} at ${url}: ${answer.message}`, hint);
        }),
      );
    } finally {
      metrics.close();
    }
  },
};
