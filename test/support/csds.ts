/** Questions to the client status discovery service, as raw as the client that asks them. */
import { protos } from './protos.ts';
import type { XdsClient } from './xds-client.ts';

const { FetchClientStatus, StreamClientStatus } = protos['envoy.service.status.v3.ClientStatusDiscoveryService'];

export type StatusRequestMessage = Parameters<typeof FetchClientStatus.requestSerialize>[0];
type StatusResponseMessage = ReturnType<typeof FetchClientStatus.responseDeserialize>;
export type ClientConfigMessage = NonNullable<StatusResponseMessage['config']>[number];

export const decodeStatus = FetchClientStatus.responseDeserialize;

/** Rejects with the status when there is no answer. */
export async function fetchStatus(
  client: XdsClient,
  request: StatusRequestMessage = {},
): Promise<StatusResponseMessage> {
  const call = client.raw(FetchClientStatus.path);
  call.say(FetchClientStatus.requestSerialize(request));
  call.halfClose();
  return FetchClientStatus.responseDeserialize(await call.next());
}

interface StatusStream {
  say(request: StatusRequestMessage): void;
  next(): Promise<StatusResponseMessage>;
  halfClose(): void;
  cancel(): void;
  readonly ended: ReturnType<XdsClient['raw']>['ended'];
}

export function streamStatus(client: XdsClient): StatusStream {
  const call = client.raw(StreamClientStatus.path);
  return {
    say: (request) => call.say(StreamClientStatus.requestSerialize(request)),
    next: async () => StreamClientStatus.responseDeserialize(await call.next()),
    halfClose: call.halfClose,
    cancel: call.cancel,
    ended: call.ended,
  };
}
