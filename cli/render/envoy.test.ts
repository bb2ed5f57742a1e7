import { describe, expect, it } from 'vitest';
import { type BootstrapFacts, envoyBootstrap, envoyClusters, routedCluster, transports } from './envoy.ts';

const facts: BootstrapFacts = {
  name: 'shop/pricer:http',
  transport: 'sotw',
  xds: { host: '127.0.0.1', port: 18_000 },
  listen: { host: '127.0.0.1', port: 10_000 },
  ejectedAs: 'DRAINING',
  initialFetchTimeoutMs: 1500,
};
const text = (value: object): string => JSON.stringify(value);
const clusterOf = (name: string, change: Partial<BootstrapFacts> = {}): string =>
  text(envoyClusters({ ...facts, ...change }).find((cluster) => 'name' in cluster && cluster.name === name) ?? {});

describe('an Envoy asks', () => {
  it.each(transports)(
    'by %s: on a stream for each cluster or one for all, for everything or differences',
    (transport) => {
      const bootstrap = envoyBootstrap({ ...facts, transport });
      const isShared = transport.endsWith('ads');
      expect('dynamic_resources' in bootstrap).toBe(isShared);
      const cluster = clusterOf(facts.name, { transport });
      expect(cluster).toContain(isShared ? '"initial_fetch_timeout":"1.5s","ads":{}' : '"api_config_source"');
      expect(text(bootstrap)).toContain(`"api_type":"${transport.startsWith('delta') ? 'DELTA_GRPC' : 'GRPC'}"`);
      expect(text(bootstrap).match(/"api_type"/g)).toHaveLength(1);
    },
  );

  it('at a name it looks up, or at an address as it stands', () => {
    expect(clusterOf('kubervisor-xds')).toContain('"type":"STATIC"');
    expect(clusterOf('kubervisor-xds', { xds: { host: 'kubervisor', port: 1 } })).toContain('"type":"STRICT_DNS"');
  });

  it('for endpoints of backends that speak HTTP/2, the fallback too', () => {
    const fallback = { host: 'pricer.shop', port: 80 };
    expect(clusterOf(facts.name)).not.toContain('http2_protocol_options');
    for (const name of [facts.name, `${facts.name}-dns`]) {
      expect(clusterOf(name, { protocol: 'http2', fallback })).toContain('http2_protocol_options');
    }
  });
});

describe('a fallback', () => {
  it('comes after the endpoints, in the cluster that is routed to', () => {
    const change = { fallback: { host: 'pricer.shop', port: 80 } };
    const routed = routedCluster({ ...facts, ...change });
    expect(clusterOf(routed, change)).toContain('"clusters":["shop/pricer:http","shop/pricer:http-dns"]');
    expect(text(envoyBootstrap({ ...facts, ...change }))).toContain(`"route":{"cluster":"${routed}"`);
    expect(routedCluster(facts)).toBe(facts.name);
  });
});

describe('TLS', () => {
  const socket = (host: string, serverName: string): string =>
    clusterOf('kubervisor-xds', { xds: { host, port: 1 }, tls: { ca: 'ca.pem', serverName } });

  it.each([
    ['kubervisor.mesh', 'kubervisor.mesh', '"san_type":"DNS"', '"sni":"kubervisor.mesh"'],
    ['10.0.0.1', 'kubervisor.mesh', '"san_type":"DNS"', '"sni":"kubervisor.mesh"'],
    ['kubervisor.mesh', 'spiffe://mesh/kubervisor', '"san_type":"URI"', '"sni":"kubervisor.mesh"'],
    ['10.0.0.1', '10.0.0.1', '"san_type":"IP_ADDRESS"', undefined],
    ['10.0.0.1', 'spiffe://mesh/kubervisor', '"san_type":"URI"', undefined],
  ])('to %s checks for %s, by its kind, and names what can be named', (host, serverName, type, sni) => {
    const rendered = socket(host, serverName);
    expect(rendered).toContain(`${type},"matcher":{"exact":"${serverName}"}`);
    expect(/"sni":"[^"]*"/.exec(rendered)?.[0]).toBe(sni);
    expect(rendered).toContain('"alpn_protocols":["h2"]');
  });

  it('shows a certificate of its own where it has one', () => {
    const own = { cert: 'tls.crt', key: 'tls.key' };
    const tls = { ca: 'ca.pem', serverName: 'kubervisor', own };
    expect(clusterOf('kubervisor-xds', { tls })).toContain('"certificate_chain":{"filename":"tls.crt"}');
    expect(socket('kubervisor', 'kubervisor')).not.toContain('tls_certificates');
  });
});
