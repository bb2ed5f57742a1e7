/** A raw xDS client: says exactly what a test tells it to say, and decodes what comes. */
import { Client, type ClientDuplexStream, credentials, type ServiceError, status } from '@grpc/grpc-js';
import {
  type DeltaRequestMessage,
  type DeltaResponseMessage,
  eds,
  protos,
  type SotwRequestMessage,
  type SotwResponseMessage,
} from './protos.ts';

export interface XdsClient {
  sotw(service?: 'eds' | 'ads'): RawStream<SotwRequestMessage, SotwResponseMessage>;
  delta(service?: 'eds' | 'ads'): RawStream<DeltaRequestMessage, DeltaResponseMessage>;
  fetch(request: SotwRequestMessage): Promise<SotwResponseMessage>;
  /** Any bytes to any path. */
  raw(path: string): RawStream<Buffer, Buffer>;
  health(service?: string): Promise<string | undefined>;
  stop(): Promise<void>;
}

export interface RawStream<Request, Response> {
  say(request: Request): void;
  /** The next response; rejects with the status when the stream ends before it. */
  next(): Promise<Response>;
  /** How the stream ended, once it has. */
  readonly ended: Promise<{ readonly code: status; readonly details: string }>;
  /** No more requests. */
  halfClose(): void;
  cancel(): void;
}

const edsPath = '/envoy.service.endpoint.v3.EndpointDiscoveryService';
const adsPath = '/envoy.service.discovery.v3.AggregatedDiscoveryService';

export function connectXds(port: number): XdsClient {
  const { Check } = protos['grpc.health.v1.Health'];
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.enable_channelz': 0,
    // Otherwise all clients of one server share a connection.
    'grpc.use_local_subchannel_pool': 1,
  });
  const asIs = (bytes: Buffer): Buffer => bytes;
  return {
    sotw: (service = 'eds') => {
      const { requestSerialize, responseDeserialize } = eds.StreamEndpoints;
      const path = service === 'eds' ? `${edsPath}/StreamEndpoints` : `${adsPath}/StreamAggregatedResources`;
      return rawStream(client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize));
    },
    delta: (service = 'eds') => {
      const { requestSerialize, responseDeserialize } = eds.DeltaEndpoints;
      const path = service === 'eds' ? `${edsPath}/DeltaEndpoints` : `${adsPath}/DeltaAggregatedResources`;
      return rawStream(client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize));
    },
    fetch(request) {
      const { requestSerialize, responseDeserialize } = eds.FetchEndpoints;
      return unary((done) =>
        client.makeUnaryRequest(`${edsPath}/FetchEndpoints`, requestSerialize, responseDeserialize, request, done),
      );
    },
    raw: (path) => rawStream(client.makeBidiStreamRequest(path, asIs, asIs)),
    async health(service = '') {
      const { requestSerialize, responseDeserialize } = Check;
      const answer = await unary<ReturnType<typeof responseDeserialize>>((done) =>
        client.makeUnaryRequest(
          '/grpc.health.v1.Health/Check',
          requestSerialize,
          responseDeserialize,
          { service },
          done,
        ),
      );
      return answer.status;
    },
    stop: async () => client.close(),
  };
}

function unary<Response>(
  call: (done: (error: ServiceError | null, response?: Response) => void) => unknown,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    call((error, response) => {
      if (error !== null) reject(error);
      else if (response !== undefined) resolve(response);
    });
  });
}

function rawStream<Request, Response>(call: ClientDuplexStream<Request, Response>): RawStream<Request, Response> {
  const { promise: ended, resolve: onEnded } = Promise.withResolvers<{ code: status; details: string }>();
  const unread: Response[] = [];
  let waiting: ((response: Response) => void) | undefined;
  call.on('data', (response: Response) => {
    if (waiting === undefined) unread.push(response);
    else waiting(response);
    waiting = undefined;
  });
  // The status says it all.
  call.on('error', () => undefined);
  call.on('status', onEnded);
  return {
    say: (request) => void call.write(request),
    next() {
      const response = unread.shift();
      if (response !== undefined) return Promise.resolve(response);
      const next = new Promise<Response>((resolve) => {
        waiting = resolve;
      });
      const end = ended.then(({ code, details }) => {
        throw new Error(`the stream ended: ${status[code]} ${details}`);
      });
      return Promise.race([next, end]);
    },
    ended,
    halfClose: () => call.end(),
    cancel: () => call.cancel(),
  };
}
