import { defineConfig } from 'vitest/config';

/** What starts real programs; everything else is fast and may run side by side. */
const integration = [
  'test/envoy/**/*.test.ts',
  'test/prometheus/**/*.test.ts',
  'test/cluster/**/*.test.ts',
  'test/e2e/**/*.test.ts',
];

/** Ends what hangs. Far above what anything takes, or a busy machine would fail a test that starts a few processes. */
const patience = { testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{proto,engine,xds,cli,demo,scripts,test}/**/*.test.ts'],
          exclude: ['proto/gen/**', ...integration],
          maxWorkers: '100%',
          ...patience,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'integration',
          include: integration,
          // One file at a time, after the unit tests: real programs that starve each other fail for reasons of their own.
          fileParallelism: false,
          ...patience,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
