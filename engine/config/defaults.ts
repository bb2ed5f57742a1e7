/** Every default of the serving config, as a person would write it. `source` has none: what to obey must be said. */
export const configDefaults = {
  xds: {
    listen: '127.0.0.1:18000',
    insecure: false,
    /** Of one process alone, whose clients have nowhere else to go, and of a replica. */
    drain: { files: '0s', kubernetes: '20s' },
    limits: {
      streamsPerSecond: 2000,
      maxRequestBytes: 4 * 1024 * 1024,
      maxNamesPerStream: 10_000,
      maxConnections: 20_000,
      maxConnectionAge: '1h',
      maxConnectionAgeGrace: '30s',
    },
  },
  http: { listen: '127.0.0.1:18080' },
  grpcAdmin: { listen: '127.0.0.1:18081' },
  /** Of source.kubernetes. */
  pods: { evict: false, label: false, deletionCost: false },
  metricSources: { default: { prometheus: { url: 'http://127.0.0.1:9090' } } },
  replicas: { lease: 'kubervisor' },
  state: './state',
  defaultEnforcement: 'Enforce',
  maxEjectionsPerMinute: 10,
  log: { level: 'info' },
  timing: {
    baseWindow: '10m',
    breachDelay: '60s',
    recentEjection: '5m',
    velocityWindow: '10m',
    patience: '5m',
    maxOut: '30m',
    fleetRest: '60s',
    longestChange: '10m',
    confirmVanished: '1s',
    streamStall: '30s',
    lease: '15s',
    renewDeadline: '10s',
    leaseRetry: '2s',
  },
} as const;
