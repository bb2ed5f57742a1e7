/** Reflection over the wire, in what grpcurl does not ask for; test/envoy has grpcurl itself. */
import { status } from '@grpc/grpc-js';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { describe, expect, test } from 'vitest';
import { protos } from '../support/protos.ts';
import { xdsServer } from '../support/xds-server.ts';

function decodeFile(bytes: Uint8Array): descriptor.IFileDescriptorProto {
  const { FileDescriptorProto } = descriptor;
  return FileDescriptorProto.toObject(FileDescriptorProto.decode(bytes)) as descriptor.IFileDescriptorProto;
}

describe.each(['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'] as const)(
  '%s',
  (service) => {
    const { requestSerialize, responseDeserialize, path } = protos[service].ServerReflectionInfo;

    async function world() {
      const stream = (await xdsServer([])).connect().raw(path);
      return {
        stream,
        async ask(request: Parameters<typeof requestSerialize>[0]) {
          stream.say(requestSerialize(request));
          return responseDeserialize(await stream.next());
        },
      };
    }

    test('lists what is served, and nothing that acts', async () => {
      const { ask } = await world();
      const { list_services_response } = await ask({ list_services: '' });
      expect(list_services_response?.service?.map(({ name }) => name)).toEqual([
        'envoy.service.endpoint.v3.EndpointDiscoveryService',
        'envoy.service.cluster.v3.ClusterDiscoveryService',
        'envoy.service.discovery.v3.AggregatedDiscoveryService',
        'envoy.service.status.v3.ClientStatusDiscoveryService',
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
      ]);
    });

    test('repeats what it was asked', async () => {
      const { ask } = await world();
      expect(await ask({ host: 'here', file_by_filename: 'no.proto' })).toMatchObject({
        valid_host: 'here',
        original_request: { host: 'here', file_by_filename: 'no.proto' },
        error_response: { error_code: status.NOT_FOUND },
      });
    });

    test('answers questions about extensions, and cleanly those about ones that are not there', async () => {
      const { ask } = await world();
      const containing_type = 'google.protobuf.FieldOptions';
      const { all_extension_numbers_response } = await ask({ all_extension_numbers_of_type: containing_type });
      expect(all_extension_numbers_response?.extension_number).toContain(1071);
      expect(await ask({ file_containing_extension: { containing_type, extension_number: 1071 } })).toMatchObject({
        message_response: 'file_descriptor_response',
      });
      for (const request of [
        { file_containing_extension: { containing_type, extension_number: 1 } },
        { all_extension_numbers_of_type: 'no.Type' },
        { file_containing_symbol: 'no.Symbol' },
      ]) {
        expect(await ask(request)).toMatchObject({ error_response: { error_code: status.NOT_FOUND } });
      }
      expect(await ask({})).toMatchObject({ error_response: { error_code: status.INVALID_ARGUMENT } });
    });

    test('describes what may be inside Any, with everything that imports need', async () => {
      const { ask } = await world();
      for (const symbol of [
        'envoy.config.endpoint.v3.ClusterLoadAssignment',
        'envoy.config.listener.v3.Listener',
        'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      ]) {
        const { file_descriptor_response } = await ask({ file_containing_symbol: symbol });
        const files = (file_descriptor_response?.file_descriptor_proto ?? []).map(decodeFile);
        const present = new Set(files.map(({ name }) => name));
        expect(files[0]?.messageType?.map(({ name }) => name)).toContain(symbol.split('.').at(-1));
        expect(files.flatMap(({ dependency = [] }) => dependency).filter((file) => !present.has(file))).toEqual([]);
      }
    });

    test('ends when the client has asked all it wanted', async () => {
      const { stream, ask } = await world();
      await ask({ list_services: '' });
      stream.halfClose();
      expect(await stream.ended).toMatchObject({ code: status.OK });
    });
  },
);
