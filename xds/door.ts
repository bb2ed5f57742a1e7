/** Turns calls away by who calls, before anything of them is read. */
import { status } from '@grpc/grpc-js';
import type { Clock } from '../engine/clock.ts';
import type { XdsObserver } from './observer.ts';
import type { Identify, Peer } from './peer.ts';
import type { StreamStatus } from './refusal.ts';

export type Entry =
  | { readonly kind: 'admitted'; readonly peer: Peer }
  | { readonly kind: 'turned away'; readonly status: StreamStatus };

/** @param address `address:port` of the client */
export type Door = (address: string) => Entry;

export interface DoorOptions {
  readonly identify: Identify;
  readonly clock: Clock;
  readonly observer: Pick<XdsObserver, 'callRefused'>;
}

export function createDoor({ identify, clock, observer }: DoorOptions): Door {
  return (address) => {
    const peer = identify(address);
    const objection = objectionTo(peer, clock);
    if (objection === undefined) return { kind: 'admitted', peer };
    observer.callRefused(address, peer, objection);
    return { kind: 'turned away', status: objection };
  };
}

function objectionTo({ grant, expiresAtMs }: Peer, clock: Clock): StreamStatus | undefined {
  if (expiresAtMs <= clock.now()) return expired;
  return grant.scope === 'nothing' ? noRule : undefined;
}

const expired: StreamStatus = {
  code: status.UNAUTHENTICATED,
  details: 'the client certificate of this connection has expired: connect anew with a new one',
};
const noRule: StreamStatus = {
  code: status.PERMISSION_DENIED,
  details: 'no rule of xds.identity is for a client certificate with these names',
};
