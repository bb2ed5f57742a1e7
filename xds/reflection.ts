/** gRPC reflection, v1 and v1alpha: what lets grpcurl list, describe and call without .proto files of its own. */
import { type Server, type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { ServerReflectionRequest__Output as Request } from '../proto/gen/types/grpc/reflection/v1/ServerReflectionRequest.ts';
import type { ServerReflectionResponse as Response } from '../proto/gen/types/grpc/reflection/v1/ServerReflectionResponse.ts';
import { loadReflectionProtos, readDescriptors } from '../proto/load.ts';
import { type Descriptors, indexDescriptors } from './descriptors.ts';
import type { Unread } from './unread.ts';

const reflectionServices = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'] as const;

/** @param services full names of the services to list; these two come along */
export function addReflection(server: Server, services: readonly string[], unread: Unread): void {
  const listed = [...services, ...reflectionServices];
  let indexed: Descriptors | undefined;
  // Nobody who starts us waits for it; the first person with grpcurl does, some ten milliseconds.
  const index = (): Descriptors => (indexed ??= indexDescriptors(readDescriptors()));
  const ServerReflectionInfo = (call: ServerDuplexStream<Request, Response>): void => {
    let taken = (): void => undefined;
    call.once('cancelled', () => taken());
    call.on('data', (request: Request) => {
      // A client that asks and does not read must not make us keep its answers.
      call.pause();
      try {
        taken = unread.begin(call);
      } catch (error) {
        call.emit('error', error);
        return;
      }
      const response = {
        valid_host: request.host ?? '',
        original_request: request,
        ...answer(index(), listed, request),
      };
      call.write(response, () => {
        taken();
        call.resume();
      });
    });
    call.on('end', () => call.end());
  };
  // The two versions have the same messages.
  const protos = loadReflectionProtos();
  for (const name of reflectionServices) server.addService(protos[name], { ServerReflectionInfo });
}

function answer(index: Descriptors, services: readonly string[], request: Request): Response {
  switch (request.message_request) {
    case 'list_services':
      return { list_services_response: { service: services.map((name) => ({ name })) } };
    case 'file_by_filename':
      return files(index.fileByName(request.file_by_filename ?? ''), 'no such file');
    case 'file_containing_symbol':
      return files(index.fileOfSymbol(request.file_containing_symbol ?? ''), 'no such symbol');
    case 'file_containing_extension': {
      const { containing_type = '', extension_number = 0 } = request.file_containing_extension ?? {};
      return files(index.fileOfExtension(containing_type, extension_number), 'no such extension');
    }
    case 'all_extension_numbers_of_type': {
      const base_type_name = request.all_extension_numbers_of_type ?? '';
      const numbers = index.extensionNumbers(base_type_name);
      if (numbers === undefined) return failure(status.NOT_FOUND, 'no such type');
      return { all_extension_numbers_response: { base_type_name, extension_number: [...numbers] } };
    }
    default:
      return failure(status.INVALID_ARGUMENT, 'the request asks for nothing');
  }
}

function files(found: readonly Uint8Array[] | undefined, otherwise: string): Response {
  if (found === undefined) return failure(status.NOT_FOUND, otherwise);
  return { file_descriptor_response: { file_descriptor_proto: [...found] } };
}

function failure(error_code: status, error_message: string): Response {
  return { error_response: { error_code, error_message } };
}
