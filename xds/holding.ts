/** What one client has of one name, as far as the server knows: for people and their tools. */
import type { EpochMs } from '../engine/model.ts';
import type { Resource } from './resource.ts';

export interface Holding {
  readonly name: string;
  /** Sent last; absent when nothing was, and when the client was told that there is no such thing. */
  readonly sent?: Resource;
  readonly accepted?: Resource;
  /** Refused, and nothing accepted since. */
  readonly refused?: RefusedResource;
}

export interface RefusedResource {
  readonly resource: Resource;
  /** In the client's words. */
  readonly message: string;
  readonly atMs: EpochMs;
}

/** Accepted; not sent; sent and not answered; refused. */
export type HoldingStatus = 'synced' | 'not-sent' | 'stale' | 'error';

/** Of what was sent last: a refusal is history as soon as something else was sent. */
export function holdingStatus({ sent, accepted, refused }: Holding): HoldingStatus {
  if (sent === undefined) return 'not-sent';
  if (sent.version === refused?.resource.version) return 'error';
  return sent.version === accepted?.version ? 'synced' : 'stale';
}
