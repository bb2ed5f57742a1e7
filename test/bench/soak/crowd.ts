/** Clients of every temper, on real connections: those that follow, and those that are slow, refuse, leave or roam. */
import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { clusterType, endpointType } from '../../../xds/types.ts';
import { eds } from '../../support/protos.ts';
import { lastingNames, passingNames } from './updates.ts';

export interface Crowd {
  /** Everybody leaves. */
  stop(): void;
}

/** What the node id of a client begins with that acknowledges everything at once, on one stream for each name. */
export const steady = 'steady';

const eachOnOneConnection = 10;
const edsPath = '/envoy.service.endpoint.v3.EndpointDiscoveryService';
const adsPath = '/envoy.service.discovery.v3.AggregatedDiscoveryService';
const refusal = { code: 3, message: 'it is refused, for a soak' };

export function startCrowd(port: number, services: number): Crowd {
  const clients = new Set<Client>();
  const streams = new Set<{ cancel(): void }>();
  const names = lastingNames(services);
  let isStopped = false;

  function connect(): Client {
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.enable_channelz': 0,
      'grpc.use_local_subchannel_pool': 1,
    });
    clients.add(client);
    return client;
  }

  function disconnect(client: Client): void {
    clients.delete(client);
    client.close();
  }

  /** How a stream ended is of no interest to somebody who leaves as he likes. */
  function keep<Request, Response>(stream: ClientDuplexStream<Request, Response>) {
    streams.add(stream);
    return stream.on('error', () => undefined).once('close', () => streams.delete(stream));
  }

  function sotw(client: Client, path = `${edsPath}/StreamEndpoints`) {
    const { requestSerialize, responseDeserialize } = eds.StreamEndpoints;
    return keep(client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize));
  }

  function delta(client: Client, path = `${edsPath}/DeltaEndpoints`) {
    const { requestSerialize, responseDeserialize } = eds.DeltaEndpoints;
    return keep(client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize));
  }

  function follow(): void {
    for (let first = 0; first < names.length; first += eachOnOneConnection) {
      const [sotwClient, deltaClient] = [connect(), connect()];
      for (const name of names.slice(first, first + eachOnOneConnection)) {
        const a = sotw(sotwClient);
        a.on('data', ({ nonce = '' }) => a.write({ resource_names: [name], response_nonce: nonce }));
        a.write({ node: { id: `${steady}-sotw` }, resource_names: [name] });
        const b = delta(deltaClient);
        b.on('data', ({ nonce = '' }) => b.write({ response_nonce: nonce }));
        b.write({ node: { id: `${steady}-delta` }, resource_names_subscribe: [name] });
      }
    }
  }

  /** Takes its time to acknowledge: what changes meanwhile is told once. */
  function dawdle(): void {
    const stream = sotw(connect());
    stream.on('data', ({ nonce = '' }) => {
      const acknowledge = (): void => void stream.write({ resource_names: [...names], response_nonce: nonce });
      setTimeout(acknowledge, 50).unref();
    });
    stream.write({ node: { id: 'slow' }, resource_names: [...names] });
  }

  /** Refuses every other response, by both protocols. */
  function refuse(): void {
    let told = 0;
    const answer = () => (told++ % 2 === 0 ? { error_detail: refusal } : {});
    const a = sotw(connect());
    a.on('data', ({ nonce = '' }) => a.write({ resource_names: [...names], response_nonce: nonce, ...answer() }));
    a.write({ node: { id: 'refusing-sotw' }, resource_names: [...names] });
    const b = delta(connect());
    b.on('data', ({ nonce = '' }) => b.write({ response_nonce: nonce, ...answer() }));
    b.write({ node: { id: 'refusing-delta' }, resource_names_subscribe: [...names] });
  }

  /** Leaves after a few responses, without a word of thanks, and comes back: by a new stream, or a new connection. */
  function comeAndGo(visit = 0, known?: Client): void {
    if (isStopped) return;
    const client = known ?? connect();
    let told = 0;
    const stream = visit % 2 === 0 ? sotw(client) : delta(client);
    const leave = (): void => {
      if (++told < 5) return;
      stream.cancel();
      const isLastOfConnection = visit % 8 === 7;
      if (isLastOfConnection) disconnect(client);
      setImmediate(comeAndGo, visit + 1, isLastOfConnection ? undefined : client);
    };
    const node = { id: `visitor-${visit}`, user_agent_name: visit % 3 === 0 ? 'gRPC Go' : 'envoy' };
    if (visit % 2 === 0) {
      const a = stream as ReturnType<typeof sotw>;
      a.on('data', ({ nonce = '' }) => {
        a.write({ resource_names: [...names], response_nonce: nonce });
        leave();
      });
      a.write({ node, resource_names: [...names] });
    } else {
      const b = stream as ReturnType<typeof delta>;
      b.on('data', ({ nonce = '' }) => {
        b.write({ response_nonce: nonce });
        leave();
      });
      b.write({ node, resource_names_subscribe: [...names] });
    }
  }

  /** Wants something else after each response: of what lasts, of what comes and goes, and of what nobody has. */
  function roam(): void {
    let step = 0;
    const wanted = (at: number): string[] => [
      names[at % names.length] ?? '',
      passingNames[at % passingNames.length] ?? '',
      passingNames[(at * 7) % passingNames.length] ?? '',
      `shop/nobody-${at}`,
    ];
    const a = sotw(connect());
    a.on('data', ({ nonce = '' }) => a.write({ resource_names: wanted(++step), response_nonce: nonce }));
    a.write({ node: { id: 'roaming-sotw' }, resource_names: wanted(step) });
    let deltaStep = 0;
    const b = delta(connect());
    b.on('data', ({ nonce = '' }) => {
      const before = wanted(deltaStep);
      deltaStep += 1;
      b.write({
        response_nonce: nonce,
        resource_names_unsubscribe: before,
        resource_names_subscribe: wanted(deltaStep),
      });
    });
    b.write({ node: { id: 'roaming-delta' }, resource_names_subscribe: wanted(deltaStep) });
  }

  /** Everything there is, of clusters and endpoints, on one aggregated stream. */
  function wantAll(): void {
    const a = sotw(connect(), `${adsPath}/StreamAggregatedResources`);
    a.on('data', ({ type_url = '', nonce = '' }) =>
      a.write({ type_url, resource_names: type_url === endpointType ? ['*'] : [], response_nonce: nonce }),
    );
    a.write({ node: { id: 'all-sotw' }, type_url: clusterType });
    a.write({ type_url: endpointType, resource_names: ['*'] });
    const b = delta(connect(), `${adsPath}/DeltaAggregatedResources`);
    b.on('data', ({ type_url = '', nonce = '' }) => b.write({ type_url, response_nonce: nonce }));
    b.write({ node: { id: 'all-delta' }, type_url: clusterType });
    b.write({ type_url: endpointType, resource_names_subscribe: ['*'] });
  }

  follow();
  dawdle();
  refuse();
  comeAndGo();
  roam();
  wantAll();
  return {
    stop() {
      isStopped = true;
      // Closing a client leaves its streams as they are.
      for (const stream of streams) stream.cancel();
      for (const client of [...clients]) disconnect(client);
    },
  };
}
