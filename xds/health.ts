/**
 * grpc.health.v1.Health: whether we serve, for whoever asks once, watches or lists. All that is served is served or not
 * at the same time.
 *
 * The library for it keeps every name that was ever watched, and says back one that it does not know, however long:
 * with it anybody could fill our memory. Here no name of a client is kept.
 */
import type { Server, ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import { status as codes } from '@grpc/grpc-js';
import protobuf from 'protobufjs/minimal.js';
import { malformed, RequestRefused, tooMuch } from './refusal.ts';
import { healthMethods } from './services.ts';
import { asBuffer, bytesTag, readFields, readString, varintTag } from './wire.ts';

export type ServingStatus = 'SERVING' | 'NOT_SERVING';

const statusNumber = { SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const;

export interface HealthOptions {
  readonly services: readonly string[];
  /** Watches at once. Whoever can connect may ask for one, so nothing else would bound them. */
  readonly maxWatches: number;
}

/** @returns what says that the status is another one now; until then it is NOT_SERVING. */
export function addHealth(server: Server, { services, maxWatches }: HealthOptions): (status: ServingStatus) => void {
  const known = new Set(['', ...services]);
  const watches = new Set<ServerWritableStream<Buffer, Buffer>>();
  /** Those of services that we do not have, too: they stay open and hear no more. */
  let open = 0;
  let status: ServingStatus = 'NOT_SERVING';

  server.addService(healthMethods, {
    Check({ request }: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) {
      try {
        if (!known.has(serviceOf(request))) throw new RequestRefused(codes.NOT_FOUND, 'there is no such service');
        callback(null, checkResponse(status));
      } catch (error) {
        callback(error as RequestRefused);
      }
    },
    Watch(call: ServerWritableStream<Buffer, Buffer>) {
      try {
        const isKnown = known.has(serviceOf(call.request));
        if (open >= maxWatches) throw tooMuch(`more than ${maxWatches} watches of health; ask by Check`);
        open += 1;
        if (isKnown) watches.add(call);
        call.once('cancelled', () => {
          open -= 1;
          watches.delete(call);
        });
        call.write(checkResponse(isKnown ? status : 'SERVICE_UNKNOWN'));
      } catch (error) {
        call.emit('error', error);
      }
    },
    List(_: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) {
      const writer = protobuf.Writer.create();
      for (const name of known) {
        // An entry of a map: key and value.
        writer.uint32(bytesTag(1)).fork().uint32(bytesTag(1)).string(name);
        writer.uint32(bytesTag(2)).bytes(checkResponse(status)).ldelim();
      }
      callback(null, asBuffer(writer.finish()));
    },
  });

  return (now) => {
    status = now;
    for (const watch of watches) watch.write(checkResponse(status));
  };
}

/** @throws RequestRefused */
function serviceOf(request: Buffer): string {
  let service = '';
  try {
    readFields(request, { [bytesTag(1)]: (field) => (service = readString(field)) });
  } catch (error) {
    throw malformed('the request is not a HealthCheckRequest', error);
  }
  return service;
}

function checkResponse(status: keyof typeof statusNumber): Buffer {
  return asBuffer(protobuf.Writer.create().uint32(varintTag(1)).int32(statusNumber[status]).finish());
}
