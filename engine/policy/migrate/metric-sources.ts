/**
 * The original has the address of Prometheus in each breaker. A policy only names a source of the serving config, so that
 * nobody who may write policies can make Kubervisor call an address.
 */

export interface MetricSources {
  /** Name of the source for a `prometheusService` such as `prometheus.demo:9090`. */
  nameOf(address: string): string;
  /** What belongs into the serving config, by name. */
  urls(): ReadonlyMap<string, string>;
}

/** The first is the default; the others are called by their first name. */
export function createMetricSources(): MetricSources {
  const names = new Map<string, string>();
  const urls = new Map<string, string>();
  return {
    nameOf(address) {
      const url = /^https?:\/\//.test(address) ? address : `http://${address}`;
      const known = names.get(url);
      if (known !== undefined) return known;
      const name = names.size === 0 ? 'default' : unused(firstName(url), urls);
      names.set(url, name);
      urls.set(name, url);
      return name;
    },
    urls: () => urls,
  };
}

function firstName(url: string): string {
  const [, host = ''] = /^https?:\/\/([^/:]*)/.exec(url) ?? [];
  const name = (host.split('.')[0] ?? '').toLowerCase().replace(/[^a-z0-9-]/g, '-');
  return /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name) ? name.slice(0, 50) : 'prometheus';
}

function unused(name: string, taken: ReadonlyMap<string, unknown>): string {
  let candidate = name;
  for (let number = 2; taken.has(candidate); number++) candidate = `${name}-${number}`;
  return candidate;
}
