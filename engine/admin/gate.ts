/**
 * Who may come in. Beyond the token and the certificate it turns away what a web page makes a browser send: a page from
 * anywhere can reach a loopback port, and with a name that it rebinds to 127.0.0.1 it can read the answers too.
 */
import type { PeerCertificate } from 'node:tls';
import type { Clock } from '../clock.ts';
import type { AdminListener } from '../config/config.ts';
import { isLoopback } from '../config/listen.ts';
import { subjectNames } from '../tls/names.ts';
import type { Caller } from './acts.ts';
import { Refusal } from './refusal.ts';
import { createTokenFile } from './token-file.ts';

export interface Gate {
  /** @throws Refusal for a request that somebody else's page may have sent. */
  turnAwayPages(headers: PageHeaders): void;
  /** @throws Refusal where token or certificate is missing or wrong. */
  admit(visitor: Visitor): Promise<Caller>;
}

export interface PageHeaders {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
}

export interface Visitor {
  readonly authorization?: string | undefined;
  /** Of the client, and signed by the configured authority. */
  readonly certificate?: PeerCertificate | undefined;
}

export function createGate({ address, auth }: AdminListener, clock: Clock): Gate {
  const tokens = auth?.kind === 'bearer' ? createTokenFile(auth.file, clock) : undefined;
  return {
    turnAwayPages({ host, origin }) {
      // With a token or certificate a rebound name is harmless: the page has not the one, TLS refuses the other.
      if (auth === undefined && !isLocalName(host, address.host)) throw foreign('Host', host);
      if (origin !== undefined && !isSameOrigin(origin, host)) throw foreign('Origin', origin);
    },
    async admit({ authorization, certificate }) {
      if (auth?.kind === 'mtls') {
        if (certificate === undefined) throw unauthenticated('a client certificate is required');
        return { actor: subjectOf(certificate) };
      }
      if (tokens === undefined) return {};
      if (authorization === undefined) throw unauthenticated('a bearer token is required');
      if (!(await tokens.accepts(authorization)))
        throw unauthenticated('the bearer token is not one of those accepted');
      return { actor: 'bearer' };
    },
  };
}

/** Any port: whoever forwards one to here is as local as we are. */
function isLocalName(host: string | undefined, own: string): boolean {
  if (host === undefined || !URL.canParse(`http://${host}`)) return false;
  const name = new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, '');
  return name === own || isLoopback({ host: name, port: 0 });
}

function isSameOrigin(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host;
}

function foreign(header: string, value: string | undefined): Refusal {
  const shown = value === undefined ? 'missing' : JSON.stringify(value.slice(0, 100));
  return new Refusal('forbidden', {
    code: 'KV0712',
    message: `the ${header} header is ${shown}: requests of web pages from elsewhere are refused`,
    remedy: 'call this server as 127.0.0.1 or localhost',
  });
}

function unauthenticated(message: string): Refusal {
  return new Refusal('unauthenticated', {
    code: 'KV0711',
    message,
    remedy: 'give --token-file FILE, or --ca-file, --cert-file and --key-file',
  });
}

/** A workload's URI name where it has one (SPIFFE), else the common name. */
function subjectOf({ subject, subjectaltname }: PeerCertificate): string {
  const uri = subjectNames(subjectaltname).find(({ kind }) => kind === 'uri');
  const common = [subject.CN].flat().join(',');
  return uri?.value ?? (common === '' ? 'certificate' : common);
}
