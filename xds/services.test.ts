import { expect, it } from 'vitest';
import { protos } from '../test/support/protos.ts';
import {
  aggregatedMethods,
  aggregatedService,
  clusterMethods,
  clusterService,
  endpointMethods,
  endpointService,
  healthMethods,
  healthService,
  statusMethods,
  statusService,
} from './services.ts';

const single = { requestStream: false, responseStream: false };

it.each([
  [endpointService, endpointMethods],
  [clusterService, clusterMethods],
  [aggregatedService, aggregatedMethods],
  // Taken as a stream, which on the wire is the same with one message each way.
  [statusService, { ...statusMethods, FetchClientStatus: { ...statusMethods.FetchClientStatus, ...single } }],
  [healthService, healthMethods],
] as const)('%s has the methods of its .proto file, all of them', (name, methods) => {
  const onWire = (all: object): unknown =>
    Object.fromEntries(
      Object.entries(all).map(([method, definition]) => {
        const { path, requestStream, responseStream } = definition as Record<string, unknown>;
        return [method, { path, requestStream, responseStream }];
      }),
    );
  expect(onWire(methods)).toEqual(onWire(protos[name]));
});
