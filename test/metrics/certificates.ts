/** X.509 certificates made on the spot, so that none is stored, none expires, and no tool is needed. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

export interface Authority extends Certificate {
  issue(options: {
    readonly commonName: string;
    readonly hosts?: readonly string[];
    readonly expired?: boolean;
  }): Certificate;
}

const dayMs = 86_400_000;
const ecdsaWithSha256 = sequence(Buffer.from('06082a8648ce3d040302', 'hex'));

export function createAuthority(commonName: string): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const basicConstraints = extension('551d13', sequence(tlv(0x01, Buffer.from([0xff]))));
  const create = (subject: string, publicKey: KeyObject, extensions: readonly Buffer[], expired = false): string => {
    const [fromMs, untilMs] = expired
      ? [Date.now() - 2 * dayMs, Date.now() - dayMs]
      : [Date.now() - dayMs, Date.now() + dayMs];
    const body = sequence(
      tlv(0xa0, integer(Buffer.from([2]))),
      integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      ecdsaWithSha256,
      name(commonName),
      sequence(utcTime(fromMs), utcTime(untilMs)),
      name(subject),
      publicKey.export({ type: 'spki', format: 'der' }),
      tlv(0xa3, sequence(...extensions)),
    );
    const signature = sign('sha256', body, keys.privateKey);
    return pem(sequence(body, ecdsaWithSha256, tlv(0x03, Buffer.from([0]), signature)));
  };
  return {
    cert: create(commonName, keys.publicKey, [basicConstraints]),
    key: keyPem(keys.privateKey),
    issue({ commonName: subject, hosts = [], expired }) {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const names = hosts.map((host) =>
        isIPv4(host) ? tlv(0x87, Buffer.from(host.split('.').map(Number))) : tlv(0x82, Buffer.from(host)),
      );
      const extensions = names.length === 0 ? [] : [extension('551d11', sequence(...names))];
      return {
        cert: create(subject, own.publicKey, extensions.length === 0 ? [notAnAuthority] : extensions, expired),
        key: keyPem(own.privateKey),
      };
    },
  };
}

const notAnAuthority = extension('551d13', sequence());

function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const header =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, ...parts);
}

function integer(value: Buffer): Buffer {
  return tlv(0x02, value);
}

function name(commonName: string): Buffer {
  return sequence(tlv(0x31, sequence(Buffer.from('0603550403', 'hex'), tlv(0x0c, Buffer.from(commonName)))));
}

function utcTime(atMs: number): Buffer {
  return tlv(0x17, Buffer.from(`${new Date(atMs).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));
}

function extension(oidHex: string, value: Buffer): Buffer {
  return sequence(tlv(0x06, Buffer.from(oidHex, 'hex')), tlv(0x04, value));
}

function pem(der: Buffer): string {
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
}

function keyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
