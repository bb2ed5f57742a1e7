/** `host:port` to listen on. */
import { BlockList, isIP } from 'node:net';

export interface ListenAddress {
  /** Literal address without brackets, or a name. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** `127.0.0.1:18080`, `[::1]:18080`, `localhost:18080`, `0.0.0.0:0`. Undefined where it is none of these. */
export function parseListen(text: string): ListenAddress | undefined {
  const [, v6, other, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = v6 ?? other;
  const port = Number(digits);
  if (host === undefined || port > 65_535) return undefined;
  if (v6 !== undefined && isIP(v6) !== 6) return undefined;
  // 127.0.0.256 would be looked up as a name.
  if (/^[\d.]+$/.test(host) && isIP(host) !== 4) return undefined;
  return { host, port };
}

export function formatListen({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Only this machine can connect. A name other than localhost may mean anything, so it does not count. */
export function isLoopback({ host }: ListenAddress): boolean {
  if (host === 'localhost') return true;
  const version = isIP(host);
  if (version === 0) return false;
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8);
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(host, version === 6 ? 'ipv6' : 'ipv4');
}
