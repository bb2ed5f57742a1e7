/**
 * Which addresses behind a Service may be called (R17). A slice is written by whoever has the right to, in its own
 * namespace; so may be the Service. We reach more than they do, so what they wrote is not enough to call an address.
 */
import { BlockList, isIPv4 } from 'node:net';
import { type Backend, type Fleet, readyMembers } from '../model.ts';
import type { ServiceAddresses, SocketAddress } from './custom-service.ts';

/** Who vouches for an address: in files whoever wrote them; in a cluster the pod that has it, and nobody else. */
export type Vouching = 'slice' | 'pod';

export function callableAddresses(fleet: Fleet | undefined, port: number, vouching: Vouching): ServiceAddresses {
  if (fleet === undefined || fleet.ports.length === 0) return refused('there is no such Service');
  if (fleet.hasSelector !== true) return refused('the Service has no selector, so its addresses need not be pods');
  const servicePort = fleet.ports.find(({ number }) => number === port);
  if (servicePort === undefined) return refused('the Service has no such port');
  const ready = readyMembers(fleet);
  const listed = ready.flatMap((backend) => addressesOf(backend, servicePort.name));
  if (vouching === 'slice') return { kind: 'addresses', addresses: listed };
  const loopback = loopbackAddresses();
  const addresses = ready.flatMap((backend) =>
    addressesOf(backend, servicePort.name).filter(({ address }) => isOwnOf(backend, address, loopback)),
  );
  if (addresses.length === 0 && listed.length > 0) {
    return refused('none of its ready endpoints is the own address of a pod of this namespace');
  }
  return { kind: 'addresses', addresses };
}

function addressesOf({ endpoints }: Backend, portName: string): readonly SocketAddress[] {
  return endpoints.filter((endpoint) => endpoint.portName === portName).map(({ address, port }) => ({ address, port }));
}

/** No pod has a loopback address, whatever its status says. */
function isOwnOf({ ownAddresses = [] }: Backend, address: string, loopback: BlockList): boolean {
  return ownAddresses.includes(address) && !loopback.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

function loopbackAddresses(): BlockList {
  const list = new BlockList();
  list.addSubnet('127.0.0.0', 8);
  list.addAddress('::1', 'ipv6');
  return list;
}

function refused(reason: string): ServiceAddresses {
  return { kind: 'refused', reason };
}
