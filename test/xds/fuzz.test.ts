/** Requests that somebody made by breaking good ones: refused in words or understood somehow, and never more than that. */
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeDeltaRequest, decodeSotwRequest } from '../../xds/decode.ts';
import { defaultLimits } from '../../xds/limits.ts';
import { RequestRefused } from '../../xds/refusal.ts';
import { clusterType, endpointType } from '../../xds/types.ts';
import { bystander } from '../support/bystander.ts';
import { eds } from '../support/protos.ts';

const name = fc.oneof(
  fc.constantFrom('shop/a', 'shop/a:http', 'shop/b', '*', '', 'outbound|80||a.shop.svc.cluster.local'),
  fc.string({ unit: 'binary' }),
);
const names = fc.array(name, { maxLength: 5 });
const node = fc.record(
  {
    id: fc.string({ unit: 'binary' }),
    cluster: fc.string(),
    user_agent_name: fc.constantFrom('envoy', 'gRPC Go', ''),
    locality: fc.record({ zone: fc.string(), sub_zone: fc.string() }),
  },
  { requiredKeys: [] },
);
const common = {
  node,
  type_url: fc.constantFrom('', endpointType, clusterType, 'no type'),
  response_nonce: fc.string(),
  error_detail: fc.record({ code: fc.integer(), message: fc.string() }),
};
const sotwRequest = fc
  .record({ ...common, resource_names: names }, { requiredKeys: [] })
  .map((request) => eds.StreamEndpoints.requestSerialize(request));
const deltaRequest = fc
  .record(
    {
      ...common,
      resource_names_subscribe: names,
      resource_names_unsubscribe: names,
      initial_resource_versions: fc.dictionary(name, fc.string()),
    },
    { requiredKeys: [] },
  )
  .map((request) => eds.DeltaEndpoints.requestSerialize(request));

const position = fc.nat();
const damage = fc.oneof(
  fc.record({ kind: fc.constant('flip'), at: position, with: fc.nat({ max: 255 }) }),
  fc.record({ kind: fc.constant('cut'), at: position }),
  fc.record({ kind: fc.constant('drop'), at: position, count: fc.nat({ max: 8 }) }),
  fc.record({ kind: fc.constant('insert'), at: position, bytes: fc.uint8Array({ maxLength: 12 }) }),
  fc.record({ kind: fc.constant('repeat'), at: position, count: fc.nat({ max: 300 }) }),
);

type Damage = typeof damage extends fc.Arbitrary<infer Kind> ? Kind : never;

function damaged(good: Buffer, done: readonly Damage[]): Buffer {
  let bytes = good;
  for (const how of done) {
    const at = bytes.length === 0 ? 0 : how.at % bytes.length;
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    switch (how.kind) {
      case 'flip':
        bytes = Buffer.concat([before, Buffer.from([how.with]), after.subarray(1)]);
        break;
      case 'cut':
        bytes = before;
        break;
      case 'drop':
        bytes = Buffer.concat([before, after.subarray(how.count)]);
        break;
      case 'insert':
        bytes = Buffer.concat([before, how.bytes, after]);
        break;
      case 'repeat':
        bytes = Buffer.concat([bytes, ...Array.from({ length: how.count }, () => after.subarray(0, 8))]);
        break;
    }
  }
  return bytes;
}

const broken = (request: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> =>
  fc.oneof(
    request,
    fc.tuple(request, fc.array(damage, { minLength: 1, maxLength: 4 })).map(([good, done]) => damaged(good, done)),
    fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  );

describe('reading', () => {
  test.each([
    ['state of the world', decodeSotwRequest, sotwRequest],
    ['delta', decodeDeltaRequest, deltaRequest],
  ] as const)('%s gives a request or refuses, in words that can be sent', (_, decode, request) => {
    fc.assert(
      fc.property(broken(request), (bytes) => {
        try {
          decode(bytes, defaultLimits);
        } catch (error) {
          expect(error).toBeInstanceOf(RequestRefused);
          // gRPC's server encodes the words so, and half of a surrogate pair would throw where nobody catches.
          encodeURI((error as RequestRefused).details);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a stream', () => {
  const eachMethod = [
    ['envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints', sotwRequest],
    ['envoy.service.endpoint.v3.EndpointDiscoveryService/DeltaEndpoints', deltaRequest],
    ['envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources', sotwRequest],
    ['envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources', deltaRequest],
  ] as const;
  const possibleEnds: readonly status[] = [status.OK, status.INVALID_ARGUMENT, status.RESOURCE_EXHAUSTED];

  test.each(eachMethod)('of %s ends in one of few ways, and others are served', async (path, request) => {
    const others = await bystander();
    const client = others.server.connect();
    await fc.assert(
      fc.asyncProperty(fc.array(broken(request), { minLength: 1, maxLength: 6 }), async (requests) => {
        const stream = client.raw(`/${path}`);
        for (const bytes of requests) stream.say(bytes);
        stream.halfClose();
        expect(possibleEnds).toContain((await stream.ended).code);
        await others.isServed();
      }),
      { numRuns: 100 },
    );
    await others.untilAlone();
  });
});
