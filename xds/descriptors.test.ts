import { beforeAll, describe, expect, test } from 'vitest';
import { readDescriptors } from '../proto/load.ts';
import { type Descriptors, indexDescriptors } from './descriptors.ts';
import { bytesTag, readFields } from './wire.ts';

let descriptors: Descriptors;
beforeAll(() => {
  descriptors = indexDescriptors(readDescriptors());
});

function nameOf(file: Uint8Array): string {
  let name = '';
  readFields(file, { [bytesTag(1)]: (field) => (name = field.string()) });
  return name;
}

function importsOf(file: Uint8Array): readonly string[] {
  const imports: string[] = [];
  readFields(file, { [bytesTag(3)]: (field) => imports.push(field.string()) });
  return imports;
}

const names = (files: readonly Uint8Array[] | undefined) => files?.map(nameOf);

describe('a file is found', () => {
  const eds = 'envoy/service/endpoint/v3/eds.proto';

  test('by its name, with everything it imports, itself first', () => {
    const files = descriptors.fileByName(eds) ?? [];
    const found = files.map(nameOf);
    expect(found[0]).toBe(eds);
    expect(found).toContain('google/protobuf/struct.proto');
    expect(new Set(found).size).toBe(found.length);
    for (const name of files.flatMap(importsOf)) expect(found).toContain(name);
  });

  test.each([
    ['a service', 'envoy.service.endpoint.v3.EndpointDiscoveryService'],
    ['a method', 'envoy.service.endpoint.v3.EndpointDiscoveryService.FetchEndpoints'],
  ])('by %s', (_, symbol) => {
    expect(names(descriptors.fileOfSymbol(symbol))?.[0]).toBe(eds);
  });

  test.each([
    ['a message', 'envoy.config.endpoint.v3.ClusterLoadAssignment', 'envoy/config/endpoint/v3/endpoint.proto'],
    [
      'a nested message',
      'envoy.config.endpoint.v3.ClusterLoadAssignment.Policy',
      'envoy/config/endpoint/v3/endpoint.proto',
    ],
    ['an enum', 'envoy.config.core.v3.HealthStatus', 'envoy/config/core/v3/health_check.proto'],
    ['a nested enum', 'grpc.health.v1.HealthCheckResponse.ServingStatus', 'health/v1/health.proto'],
    ['an extension', 'validate.rules', 'validate/validate.proto'],
    ['a well-known type', 'google.protobuf.Any', 'google/protobuf/any.proto'],
  ])('by %s', (_, symbol, file) => {
    expect(names(descriptors.fileOfSymbol(symbol))?.[0]).toBe(file);
  });

  test('by what it extends', () => {
    expect(descriptors.extensionNumbers('google.protobuf.FieldOptions')).toContain(1071);
    expect(names(descriptors.fileOfExtension('google.protobuf.FieldOptions', 1071))?.[0]).toBe(
      'validate/validate.proto',
    );
    expect(descriptors.extensionNumbers('google.protobuf.Any')).toEqual([]);
  });
});

test('what is not there is not found', () => {
  expect(descriptors.fileByName('no.proto')).toBeUndefined();
  expect(descriptors.fileOfSymbol('envoy.config.endpoint.v3')).toBeUndefined();
  expect(descriptors.fileOfSymbol('')).toBeUndefined();
  expect(descriptors.fileOfExtension('google.protobuf.FieldOptions', 1)).toBeUndefined();
  expect(descriptors.fileOfExtension('no.Type', 1)).toBeUndefined();
  expect(descriptors.extensionNumbers('no.Type')).toBeUndefined();
});

test('a file is served as the very bytes it was compiled to', () => {
  const set = readDescriptors();
  for (const file of descriptors.fileByName('envoy/config/endpoint/v3/endpoint.proto') ?? []) {
    expect(Buffer.from(set).includes(Buffer.from(file))).toBe(true);
  }
});
