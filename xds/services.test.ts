import { expect, it } from 'vitest';
import { protos } from '../test/support/protos.ts';
import { aggregatedMethods, aggregatedService, endpointMethods, endpointService } from './services.ts';

it.each([
  [endpointService, endpointMethods],
  [aggregatedService, aggregatedMethods],
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
