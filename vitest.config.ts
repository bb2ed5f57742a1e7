import { availableParallelism } from 'node:os';
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

/**
 * Files of a worker share what they import, which is a quarter of all the CPU that the tests take. No module of ours has a
 * state that one file could leave to the next.
 */
const shared = { isolate: false };

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
          // Some wait for a program that they have started.
          maxWorkers: availableParallelism() + 1,
          ...shared,
          ...patience,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'cluster',
          include: cluster,
          exclude: integration,
          maxWorkers: 3,
          ...shared,
          ...patience,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'integration',
          include: integration,
          fileParallelism: false,
          ...shared,
          ...patience,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
