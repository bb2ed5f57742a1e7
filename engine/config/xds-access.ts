/** Who may connect to the xDS listener and what for, as the serving config says it: what is wrong with that. */
import type { XdsTls } from './config.ts';
import { type IdentityRule, parseIdentityRule } from './identity-rule.ts';
import { formatListen, isLoopback, type ListenAddress } from './listen.ts';
import type { IdentityConfig, XdsTlsConfig } from './schema.ts';
import type { Flaw } from './shape.ts';

export function xdsTls({ certFile, keyFile, clientCaFile }: XdsTlsConfig, absolute: (path: string) => string): XdsTls {
  return {
    certFile: absolute(certFile),
    keyFile: absolute(keyFile),
    ...(clientCaFile === undefined ? {} : { clientCaFile: absolute(clientCaFile) }),
  };
}

export function plainTextFlaws(address: ListenAddress, tls: XdsTls | undefined, insecure: boolean): readonly Flaw[] {
  if (tls !== undefined && insecure) {
    return [
      {
        code: 'KV0516',
        severity: 'warning',
        path: ['xds', 'insecure'],
        at: 'key',
        message: 'has no effect beside xds.tls: nothing is served in plain text',
        remedy: 'leave it out',
      },
    ];
  }
  if (tls !== undefined || insecure || isLoopback(address)) return [];
  return [
    {
      code: 'KV0507',
      path: ['xds', 'listen'],
      at: 'value',
      message: `${formatListen(address)} can be reached from other machines, and xDS is plain text without xds.tls`,
      remedy: 'add xds.tls, listen on 127.0.0.1, or say xds.insecure: true where the network itself keeps others out',
    },
  ];
}

export function anonymityFlaws(address: ListenAddress, tls: XdsTls | undefined, hasIdentity: boolean): readonly Flaw[] {
  if (tls?.clientCaFile !== undefined) return [];
  if (hasIdentity) {
    return [
      {
        code: 'KV0514',
        path: ['xds', 'identity'],
        at: 'key',
        message: 'goes by the certificates of clients, and xds.tls.clientCaFile does not ask for any',
        remedy: 'set xds.tls.clientCaFile to the authorities that sign them',
      },
    ];
  }
  if (tls === undefined || isLoopback(address)) return [];
  return [
    {
      code: 'KV0517',
      severity: 'warning',
      path: ['xds', 'tls'],
      at: 'key',
      message: `whoever can reach ${formatListen(address)} may ask for every endpoint`,
      remedy: 'set xds.tls.clientCaFile, so that clients need a certificate',
    },
  ];
}

export function identityRules(given: IdentityConfig['allow'], flaws: Flaw[]): readonly IdentityRule[] {
  return given.flatMap(({ name, namespaces }, index) => {
    const parsed = parseIdentityRule(name, namespaces);
    if (parsed.kind === 'rule') return [parsed.rule];
    for (const { namespace, message, remedy } of parsed.flaws) {
      const field = namespace === undefined ? ['name'] : ['namespaces', namespace];
      flaws.push({ code: 'KV0515', path: ['xds', 'identity', 'allow', index, ...field], at: 'value', message, remedy });
    }
    return [];
  });
}
