/** The other end of a connection: who it is was shown once, when the connection was made. */
import type { EpochMs } from '../engine/model.ts';
import type { SubjectName } from '../engine/tls/names.ts';
import { everything, type Grant, nothing } from './identity.ts';

export interface Peer {
  /** Of its certificate. */
  readonly names: readonly SubjectName[];
  readonly grant: Grant;
  /** When its certificate expires. */
  readonly expiresAtMs: EpochMs;
}

/** By `address:port` of the client. */
export type Identify = (address: string) => Peer;

/** Where nobody has to show anything. */
export const anybody: Peer = { names: [], grant: everything, expiresAtMs: Number.POSITIVE_INFINITY };

/** Of a connection that is gone, or that we do not know. */
export const stranger: Peer = { names: [], grant: nothing, expiresAtMs: Number.POSITIVE_INFINITY };
