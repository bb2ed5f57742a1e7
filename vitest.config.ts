import { defineConfig } from 'vitest/config';

/** Mostly waits for an API server. */
const cluster = ['test/cluster/**/*.test.ts'];
/** Starts real programs: those that starve each other fail for reasons of their own. */
const integration = [
  'test/envoy/**/*.test.ts',
  'test/prometheus/**/*.test.ts',
  'test/e2e/**/*.test.ts',
  // It looks, many times a second, that nothing is lost meanwhile.
  'test/cluster/replicas.test.ts',
];

/** Ends what hangs. Far above what anything takes, or a busy machine would fail a test that starts a few processes. */
const patience = { testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    // One after the other.
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{proto,engine,xds,cli,demo,scripts,test}/**/*.test.ts'],
          exclude: ['proto/gen/**', ...cluster, ...integration],
          maxWorkers: '100%',
          ...patience,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'cluster',
          include: cluster,
          exclude: integration,
          maxWorkers: 2,
          ...patience,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'integration',
          include: integration,
          fileParallelism: false,
          ...patience,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
