/** X.509 certificates for tests, made on the spot: none lies in the repository, and none expires there. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

export interface Authority extends Certificate {
  issue(commonName: string, facts?: Facts): Certificate;
}

export interface Facts {
  /** Addresses and DNS names it is for; 127.0.0.1 unless given. */
  readonly hosts?: readonly string[];
  /** Such as SPIFFE ids. */
  readonly uris?: readonly string[];
  /** When it is valid: from an hour ago, for two hours; or both of them are over, or both to come. Default now. */
  readonly valid?: 'now' | 'once' | 'later';
}

export function createAuthority(commonName = 'test authority'): Authority {
  const own = newKeys();
  const root = certificate({
    subject: commonName,
    issuer: commonName,
    keys: own,
    signer: own.privateKey,
    isAuthority: true,
  });
  return {
    ...root,
    issue(subject, facts = {}) {
      const signer = createPrivateKey(root.key);
      return certificate({ ...facts, subject, issuer: commonName, keys: newKeys(), signer, isAuthority: false });
    },
  };
}

interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

interface Contents extends Facts {
  readonly subject: string;
  readonly issuer: string;
  readonly keys: Keys;
  readonly signer: KeyObject;
  readonly isAuthority: boolean;
}

function newKeys(): Keys {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));

function certificate({ subject, issuer, keys, signer, isAuthority, ...facts }: Contents): Certificate {
  const hourMs = 3_600_000;
  const now = Date.now() + { now: 0, once: -3 * hourMs, later: 3 * hourMs }[facts.valid ?? 'now'];
  const toBeSigned = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    // A first byte that is neither zero nor negative keeps the number in its shortest form.
    tlv(0x02, Buffer.from([1]), randomBytes(15)),
    ecdsaWithSha256,
    name(issuer),
    sequence(time(now - hourMs), time(now + hourMs)),
    name(subject),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(basicConstraints(isAuthority), ...(isAuthority ? [] : [alternativeNames(facts)]))),
  );
  const signature = sign('sha256', toBeSigned, signer);
  const der = sequence(toBeSigned, ecdsaWithSha256, tlv(0x03, Buffer.from([0]), signature));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function name(commonName: string): Buffer {
  return sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from(commonName)))));
}

function basicConstraints(isAuthority: boolean): Buffer {
  const value = sequence(...(isAuthority ? [tlv(0x01, Buffer.from([0xff]))] : []));
  return sequence(oid('551d13'), tlv(0x01, Buffer.from([0xff])), tlv(0x04, value));
}

function alternativeNames({ hosts = ['127.0.0.1'], uris = [] }: Facts): Buffer {
  const names = [
    ...hosts.map((host) =>
      isIPv4(host) ? tlv(0x87, Buffer.from(host.split('.').map(Number))) : tlv(0x82, Buffer.from(host)),
    ),
    ...uris.map((uri) => tlv(0x86, Buffer.from(uri))),
  ];
  return sequence(oid('551d11'), tlv(0x04, sequence(...names)));
}

function time(ms: number): Buffer {
  return tlv(0x18, Buffer.from(new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')));
}

function oid(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, 'hex'));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, ...parts);
}

function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const { length } = value;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), value]);
}
