/** `kubervisor proxies` as a person reads it. */
import { expect, it } from 'vitest';
import type { ConnectedProxy, ServiceHolding } from '../engine/admin/proxies.ts';
import { adminOf, serveAdmin } from '../test/support/admin.ts';
import { runCli } from '../test/support/cli.ts';
import { policyOf, world } from '../test/support/world.ts';

const type = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';

function proxyOf(nodeId: string, change: Partial<ServiceHolding>): ConnectedProxy {
  const current = { version: 'v2', sinceMs: Date.now() - 90_000 };
  const { service } = world().state;
  const holding: ServiceHolding = { name: 'shop/pricer:http', service, status: 'not-sent', current, ...change };
  const { sentVersion, acceptedVersion, nack, status } = holding;
  return {
    nodeId,
    nodeCluster: 'web',
    version: 'envoy 1.40.0',
    zone: 'eu-1a',
    dialect: 'envoy',
    identity: `spiffe://mesh/${nodeId}`,
    address: '10.0.0.1:5',
    connectedAtMs: Date.now() - 3_600_000,
    subscriptions: [
      {
        type,
        variant: 'sotw',
        resources: 1,
        ...(sentVersion === undefined ? {} : { sentVersion }),
        ...(acceptedVersion === undefined ? {} : { ackedVersion: acceptedVersion }),
        ...(nack === undefined ? {} : { nack }),
        ...(status === 'stale' ? { waitingSinceMs: Date.now() - 5000 } : {}),
        holdings: [holding],
      },
    ],
  };
}

const proxies = [
  proxyOf('edge-1', { status: 'synced', sentVersion: 'v2', acceptedVersion: 'v2' }),
  proxyOf('edge-2', {
    status: 'error',
    sentVersion: 'v2',
    acceptedVersion: 'v1',
    nack: { version: 'v2', message: 'no good', atMs: Date.now() - 60_000 },
  }),
  proxyOf('edge-3', {}),
  proxyOf('edge-4', { status: 'stale', sentVersion: 'v2', acceptedVersion: 'v1' }),
];

/** Ages differ by the second that passes. */
async function print(...args: readonly string[]): Promise<readonly string[]> {
  const admin = adminOf(world({ policy: policyOf({ eject: { how: 'MarkUnhealthy', then: 'None' } }) }));
  admin.proxies = proxies;
  await using wires = await serveAdmin(admin);
  const { code, stdout, stderr } = await runCli(['proxies', ...args], wires.url);
  expect(code).toBe(0);
  return `${stderr}${stdout}`
    .trimEnd()
    .replaceAll(/\b\d+s\b/g, 'Ns')
    .replaceAll(/ +/g, ' ')
    .split('\n');
}

it('shows how far each proxy has followed', async () => {
  expect(await print()).toEqual([
    'NAME VERSION AGE TYPE SUBSCRIBED STATUS ACKED LAG NACK',
    'edge-1 envoy 1.40.0 60m eds 1 synced v2 - -',
    'edge-2 envoy 1.40.0 60m eds 1 error v1 - Ns ago, v2: no good',
    'edge-3 envoy 1.40.0 60m eds 1 not-sent - - -',
    'edge-4 envoy 1.40.0 60m eds 1 stale v1 Ns -',
  ]);
});

it('shows of one Service who holds which version, and what to look after', async () => {
  expect(await print('shop/pricer')).toEqual([
    expect.stringMatching(/^note: shop\/pricer: with eject.how MarkUnhealthy /),
    'NAME TYPE RESOURCE STATUS HOLDS CURRENT LAG NACK',
    'edge-1 eds shop/pricer:http synced v2 v2 - -',
    'edge-2 eds shop/pricer:http error v1 v2 Ns Ns ago, v2: no good',
    'edge-3 eds shop/pricer:http not-sent - v2 Ns -',
    'edge-4 eds shop/pricer:http stale v1 v2 Ns -',
    '',
    '1 of 4 hold what is served now',
  ]);
});

it('shows all there is to a proxy when it is wide', async () => {
  const [header, first] = await print('pricer', '-n', 'shop', '-o', 'wide').then((lines) => lines.slice(1));
  expect(header).toBe('NAME CLUSTER ADDRESS IDENTITY ZONE VERSION TYPE RESOURCE STATUS HOLDS CURRENT SENT LAG NACK');
  expect(first).toMatch(/^edge-1 web 10\.0\.0\.1:5 spiffe:\/\/mesh\/edge-1 eu-1a envoy 1\.40\.0 /);
});

it('says when nobody asks for it', async () => {
  expect(await print('shop/nobody')).toEqual(['no proxy asks for shop/nobody']);
  expect(await print('-n', 'ops')).toEqual(['no proxy asks for ops/*']);
});
