/**
 * What a listener's TLS is made of, as it lies in files. Whatever is wrong with them is found here, before anybody
 * depends on it: a key that is not that of the certificate, a file of which half is written, authorities that are none.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { EpochMs } from '../model.ts';

/** Paths of PEM files. */
export interface TlsFiles {
  /** Our certificate, and after it those between it and the authority. */
  readonly cert: string;
  readonly key: string;
  /** Authorities that sign the certificates of clients; every client needs one of theirs. */
  readonly ca?: string;
}

export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

/** When our certificate is valid. */
export interface Validity {
  readonly fromMs: EpochMs;
  readonly untilMs: EpochMs;
}

export interface TlsFlaw {
  /** Absent when it is about how they fit together. */
  readonly file?: keyof TlsFiles;
  readonly message: string;
}

export type TlsReading =
  | { readonly kind: 'read'; readonly material: TlsMaterial }
  | { readonly kind: 'flawed'; readonly flaw: TlsFlaw };

export type TlsJudgement =
  | { readonly kind: 'usable'; readonly validity: Validity }
  | { readonly kind: 'flawed'; readonly flaw: TlsFlaw };

export async function readTlsFiles(files: TlsFiles): Promise<TlsReading> {
  try {
    const [cert, key, ca] = await Promise.all([read('cert'), read('key'), read('ca')]);
    return { kind: 'read', material: { cert, key, ...(files.ca === undefined ? {} : { ca }) } };
  } catch (error) {
    if (error instanceof Flawed) return { kind: 'flawed', flaw: error.flaw };
    throw error;
  }

  async function read(file: keyof TlsFiles): Promise<Buffer> {
    const path = files[file];
    if (path === undefined) return Buffer.alloc(0);
    return readFile(path).catch((cause: unknown) => {
      throw new Flawed(`cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, file);
    });
  }
}

/** Whether a listener can use it. The content of a key never gets into a message. */
export function judgeTls(material: TlsMaterial): TlsJudgement {
  try {
    const [certificate] = certificatesOf(material.cert, 'cert');
    if (material.ca !== undefined) certificatesOf(material.ca, 'ca');
    if (!certificate.checkPrivateKey(privateKey(material.key))) {
      throw new Flawed('the key is not that of the certificate');
    }
    useTogether(material);
    const { validFrom, validTo } = certificate;
    return { kind: 'usable', validity: { fromMs: Date.parse(validFrom), untilMs: Date.parse(validTo) } };
  } catch (error) {
    if (error instanceof Flawed) return { kind: 'flawed', flaw: error.flaw };
    throw error;
  }
}

class Flawed extends Error {
  readonly flaw: TlsFlaw;

  constructor(message: string, file?: keyof TlsFiles) {
    super(message);
    this.flaw = { message, ...(file === undefined ? {} : { file }) };
  }
}

/** At least one: with none of an authority OpenSSL would believe nobody, or everybody whom the machine believes. */
function certificatesOf(
  pem: Buffer,
  file: keyof TlsFiles,
): readonly [X509Certificate, ...(readonly X509Certificate[])] {
  const text = pem.toString('latin1');
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const begun = text.match(/-----BEGIN CERTIFICATE-----/g)?.length ?? 0;
  try {
    const [first, ...others] = blocks.map((block) => new X509Certificate(block));
    if (first !== undefined && begun === blocks.length) return [first, ...others];
  } catch {
    // Said below.
  }
  throw new Flawed('is not a PEM file of certificates, or not all of it', file);
}

function privateKey(pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Flawed('is not a PEM file of a private key without a passphrase', 'key');
  }
}

/** OpenSSL refuses what is too weak, too. */
function useTogether(material: TlsMaterial): void {
  try {
    createSecureContext({ ...material, minVersion: 'TLSv1.2' });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/^.*:/, '') : String(cause);
    throw new Flawed(`cannot be used for TLS: ${reason}`);
  }
}
