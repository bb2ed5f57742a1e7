/** What is measured. Everything here is data, so that a result can be told from that of another version of it. */
import type { VariantName } from '../../../xds/resource.ts';

export const serverNames = ['kubervisor', 'linear', 'snapshot'] as const;
export type ServerName = (typeof serverNames)[number];

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly variant: VariantName;
  /** Streams that ask for the service that changes. Each stream asks for one service. */
  readonly subscribers: number;
  /** Streams that ask for others, and must hear nothing of it. */
  readonly bystanders: number;
  readonly connections: number;
  /** Of the subscribers: they read nothing after the first kilobyte. */
  readonly stalled: number;
  readonly services: number;
  readonly endpoints: number;
  /** Changes of one endpoint, each awaited. */
  readonly flips: number;
  /** How long nothing happens, for what it costs to wait. */
  readonly idleMs: number;
  /** Whether each stream introduces itself at an Envoy's length, 46 kB. */
  readonly envoyNode: boolean;
  /** Whether all connections are cut at the end, and dialed again at once. */
  readonly storm: boolean;
  readonly servers: readonly ServerName[];
  readonly rounds: number;
}

const usual = {
  variant: 'sotw',
  bystanders: 100,
  stalled: 0,
  services: 100,
  endpoints: 100,
  flips: 20,
  idleMs: 1000,
  envoyNode: false,
  storm: false,
  servers: serverNames,
  rounds: 2,
} as const;

const oursAndLinear = ['kubervisor', 'linear'] as const;

const fanOut = (variant: VariantName, subscribers: number, flips: number): Scenario => ({
  ...usual,
  name: `${variant}-${subscribers}`,
  title: `${subscribers.toLocaleString('en')} ${label(variant)} streams over ${(subscribers / 5).toLocaleString('en')} connections`,
  variant,
  subscribers,
  connections: subscribers / 5,
  flips,
  storm: subscribers >= 10_000,
});

function label(variant: VariantName): string {
  return variant === 'sotw' ? 'SotW' : 'delta';
}

export const scenarios: readonly Scenario[] = [
  fanOut('sotw', 10_000, 15),
  fanOut('delta', 10_000, 15),
  fanOut('sotw', 1000, 40),
  fanOut('delta', 1000, 40),
  fanOut('sotw', 100, 100),
  fanOut('delta', 100, 100),
  {
    ...usual,
    name: 'large-service',
    title: 'a service of 1,000 endpoints, 1,000 SotW streams over 200 connections',
    subscribers: 1000,
    connections: 200,
    endpoints: 1000,
    services: 10,
    servers: oursAndLinear,
  },
  {
    ...usual,
    name: 'stalled-readers',
    title: '10,000 SotW streams over 2,000 connections, 1 % of them stalled',
    subscribers: 10_000,
    connections: 2000,
    stalled: 100,
    flips: 10,
    servers: oursAndLinear,
  },
  {
    ...usual,
    name: 'half-stalled',
    title: 'a service of 1,000 endpoints, 2,000 SotW streams over 400 connections, half of them stalled',
    subscribers: 2000,
    connections: 400,
    stalled: 1000,
    endpoints: 1000,
    services: 10,
    servers: oursAndLinear,
  },
  {
    ...usual,
    name: 'none-stalled',
    title: 'the same with none stalled',
    subscribers: 2000,
    connections: 400,
    endpoints: 1000,
    services: 10,
    servers: oursAndLinear,
  },
  {
    ...usual,
    name: 'envoys',
    title: '500 Envoy-like clients with 50 SotW streams each, one a cluster, each beginning with 46 kB about itself',
    // 25,000 streams, of which each service has 250.
    subscribers: 250,
    bystanders: 24_750,
    connections: 500,
    envoyNode: true,
    storm: true,
    servers: oursAndLinear,
    rounds: 1,
  },
];

const quick = { bystanders: 10, idleMs: 50, servers: oursAndLinear, rounds: 1 } as const;

/** Small enough for a test, with a bit of everything. */
export const quickScenarios: readonly Scenario[] = [
  { ...fanOut('sotw', 50, 3), ...quick, storm: true, servers: serverNames },
  { ...fanOut('delta', 50, 3), ...quick, stalled: 5, envoyNode: true },
];

/** The service that stream i asks for: 0 is the one that changes. */
export function servicesOf({ subscribers, bystanders, services }: Scenario): readonly number[] {
  const others = Array.from({ length: bystanders }, (_, i) => 1 + (i % (services - 1)));
  return [...Array.from({ length: subscribers }, () => 0), ...others];
}
