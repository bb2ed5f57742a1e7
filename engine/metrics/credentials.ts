/**
 * What a connection to a metric source needs from files: token or password, CA, client certificate. Files are read
 * again while we run, as Kubernetes and certificate managers rotate them without telling anybody.
 */
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../clock.ts';
import type { PrometheusSettings } from './config.ts';

export type Connection =
  | { readonly kind: 'ready'; readonly agent: HttpAgent; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: 'unusable'; readonly message: string };

export type ReadyConnection = Extract<Connection, { kind: 'ready' }>;

export interface Credentials {
  current(): Promise<Connection>;
  close(): void;
}

/** Files are read at most once in this time, however many queries ask. */
const freshForMs = 1000;
const maxSecretLength = 64 * 1024;

export function createCredentials(settings: PrometheusSettings, clock: Clock): Credentials {
  let agent: { readonly key: string; readonly agent: HttpAgent } | undefined;
  let last: { readonly atMs: number; readonly connection: Promise<Connection> } | undefined;

  const agentFor = (material: TlsMaterial | undefined): HttpAgent => {
    const key = JSON.stringify(material ?? null);
    if (agent?.key === key) return agent.agent;
    // Requests under way keep their old agent; its idle connections go, so that none outlives its certificate.
    closeIdle(agent?.agent);
    const created = createAgent(settings, material);
    agent = { key, agent: created };
    return created;
  };

  const load = async (): Promise<Connection> => {
    try {
      const [headers, material] = await Promise.all([authorization(settings), tlsMaterial(settings)]);
      return { kind: 'ready', agent: agentFor(material), headers };
    } catch (error) {
      return { kind: 'unusable', message: error instanceof Error ? error.message : 'unknown error' };
    }
  };

  return {
    current() {
      const nowMs = clock.now();
      if (last === undefined || Math.abs(nowMs - last.atMs) >= freshForMs) last = { atMs: nowMs, connection: load() };
      return last.connection;
    },
    close: () => agent?.agent.destroy(),
  };
}

async function authorization({ auth }: PrometheusSettings): Promise<Readonly<Record<string, string>>> {
  switch (auth?.kind) {
    case undefined:
      return {};
    case 'bearer': {
      const token = await readSecret(auth.file);
      if (!/^[\x21-\x7e]+$/.test(token)) throw new Error(`${auth.file} does not hold a token`);
      return { authorization: `Bearer ${token}` };
    }
    case 'basic': {
      const password = await readSecret(auth.passwordFile);
      return { authorization: `Basic ${Buffer.from(`${auth.username}:${password}`).toString('base64')}` };
    }
  }
}

/** Neither content nor length of a secret ever gets into a message. */
async function readSecret(file: string): Promise<string> {
  const secret = (await readText(file)).replace(/[\r\n]+$/, '');
  // An empty file is one that is being written: sending an empty token would only look like a wrong one.
  if (secret === '') throw new Error(`${file} is empty`);
  if (secret.length > maxSecretLength || /\p{Cc}/u.test(secret))
    throw new Error(`${file} does not hold one line of text`);
  return secret;
}

interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

async function tlsMaterial({ tls }: PrometheusSettings): Promise<TlsMaterial | undefined> {
  if (tls === undefined) return undefined;
  const read = async (file: string | undefined): Promise<string | undefined> =>
    file === undefined ? undefined : readText(file);
  const [ca, cert, key] = await Promise.all([read(tls.caFile), read(tls.certFile), read(tls.keyFile)]);
  return { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new Error(`cannot read ${file}: ${code}`);
  }
}

function createAgent(settings: PrometheusSettings, material: TlsMaterial | undefined): HttpAgent {
  const pool = { keepAlive: true };
  if (!settings.url.startsWith('https:')) return new HttpAgent(pool);
  return new HttpsAgent({
    ...pool,
    secureContext: secureContext(material),
    // Said outright, because an environment variable can switch the default off.
    rejectUnauthorized: settings.tls?.insecureSkipVerify !== true,
    ...(settings.tls?.serverName !== undefined && { servername: settings.tls.serverName }),
  });
}

function secureContext(material: TlsMaterial | undefined) {
  try {
    return createSecureContext({ ...material, minVersion: 'TLSv1.2' });
  } catch {
    throw new Error('caFile, certFile or keyFile is not valid PEM, or certificate and key do not belong together');
  }
}

function closeIdle(agent: HttpAgent | undefined): void {
  for (const sockets of Object.values(agent?.freeSockets ?? {})) for (const socket of sockets ?? []) socket.destroy();
}
