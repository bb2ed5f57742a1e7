/** A raw xDS client: says exactly what a test tells it to say, and decodes what comes. */
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import type { Certificate } from './certificates.ts';
import {
  type DeltaRequestMessage,
  type DeltaResponseMessage,
  eds,
  protos,
  type SotwRequestMessage,
  type SotwResponseMessage,
} from './protos.ts';

export interface XdsClient {
  sotw(service?: DiscoveryService): RawStream<SotwRequestMessage, SotwResponseMessage & WithErrors>;
  delta(service?: DiscoveryService): RawStream<DeltaRequestMessage, DeltaResponseMessage>;
  fetch(request: SotwRequestMessage): Promise<SotwResponseMessage>;
  /** Any bytes to any path. */
  raw(path: string): RawStream<Buffer, Buffer>;
  health(service?: string): Promise<string | undefined>;
  stop(): Promise<void>;
}

/** By its own service, or aggregated. */
export type DiscoveryService = 'eds' | 'cds' | 'ads';

/** What `resource_errors` says, by name. */
export interface WithErrors {
  readonly errors: ReadonlyMap<string, { readonly code: status; readonly message: string }>;
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
const cdsPath = '/envoy.service.cluster.v3.ClusterDiscoveryService';
const adsPath = '/envoy.service.discovery.v3.AggregatedDiscoveryService';

const paths = {
  eds: { sotw: `${edsPath}/StreamEndpoints`, delta: `${edsPath}/DeltaEndpoints` },
  cds: { sotw: `${cdsPath}/StreamClusters`, delta: `${cdsPath}/DeltaClusters` },
  ads: { sotw: `${adsPath}/StreamAggregatedResources`, delta: `${adsPath}/DeltaAggregatedResources` },
} as const;

/** What a client shows, and whom it believes. */
export interface ClientTls extends Partial<Certificate> {
  readonly ca: string;
}

/** Plain text without `tls`. */
export function connectXds(port: number, tls?: ClientTls): XdsClient {
  const { Check } = protos['grpc.health.v1.Health'];
  const client = new Client(
    `127.0.0.1:${port}`,
    tls === undefined ? credentials.createInsecure() : tlsCredentials(tls),
    {
      'grpc.enable_channelz': 0,
      // Otherwise all clients of one server share a connection.
      'grpc.use_local_subchannel_pool': 1,
    },
  );
  const asIs = (bytes: Buffer): Buffer => bytes;
  return {
    sotw: (service = 'eds') => {
      const { requestSerialize, responseDeserialize } = eds.StreamEndpoints;
      const deserialize = (bytes: Buffer) => ({ ...responseDeserialize(bytes), errors: resourceErrors(bytes) });
      return rawStream(client.makeBidiStreamRequest(paths[service].sotw, requestSerialize, deserialize));
    },
    delta: (service = 'eds') => {
      const { requestSerialize, responseDeserialize } = eds.DeltaEndpoints;
      return rawStream(client.makeBidiStreamRequest(paths[service].delta, requestSerialize, responseDeserialize));
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

/** The protos that we load are older than this field. */
const withResourceErrors = protobuf
  .parse(`syntax = "proto3";
    message Response { repeated ResourceError resource_errors = 7; }
    message ResourceError { ResourceName resource_name = 1; Status error_detail = 2; }
    message ResourceName { string name = 1; }
    message Status { int32 code = 1; string message = 2; }`)
  .root.lookupType('Response');

function resourceErrors(bytes: Buffer): WithErrors['errors'] {
  const { resourceErrors = [] } = withResourceErrors.toObject(withResourceErrors.decode(bytes)) as {
    resourceErrors?: { resourceName: { name: string }; errorDetail: { code: status; message: string } }[];
  };
  return new Map(resourceErrors.map(({ resourceName, errorDetail }) => [resourceName.name, errorDetail]));
}

function tlsCredentials({ ca, cert, key }: ClientTls): ChannelCredentials {
  const [own, ownKey] = [cert, key].map((pem) => (pem === undefined ? null : Buffer.from(pem)));
  return credentials.createSsl(Buffer.from(ca), ownKey, own);
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
