/**
 * Refuses, before anything of them is read, calls that cost far more memory than they took to send.
 */
import { Metadata, type ServerInterceptor, status } from '@grpc/grpc-js';
import { encodingOf, onEachCall, takeHeaders } from './grpc-internals.ts';
import type { XdsLimits } from './limits.ts';

export function createCallGuard({ maxHeaderBytes }: Pick<XdsLimits, 'maxHeaderBytes'>): ServerInterceptor {
  return onEachCall((call) => {
    const encoding = encodingOf(call);
    // One byte on the wire can stand for a header of 4 kB that was sent before: a stream for 20 bytes would cost megabytes.
    const headerBytes = takeHeaders(call);
    if (encoding !== 'identity') {
      // 4 kB of it can mean 4 MiB, in each of a hundred messages at once. No xDS client compresses unless told to.
      const metadata = new Metadata();
      metadata.set('grpc-accept-encoding', 'identity');
      call.sendStatus({
        code: status.UNIMPLEMENTED,
        details: `requests compressed by ${encoding.slice(0, 20)} are not accepted; send them as they are`,
        metadata,
      });
    } else if (headerBytes > maxHeaderBytes) {
      call.sendStatus({ code: status.RESOURCE_EXHAUSTED, details: `headers of more than ${maxHeaderBytes} bytes` });
    }
  });
}
