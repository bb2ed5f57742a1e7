/** Why a stream or a call ends, for the client to read. */
import { status } from '@grpc/grpc-js';

export interface StreamStatus {
  readonly code: status;
  readonly details: string;
}

/** Thrown where a request cannot be served. */
export class RequestRefused extends Error implements StreamStatus {
  readonly code: status;
  readonly details: string;

  constructor(code: status, details: string, options?: ErrorOptions) {
    super(details, options);
    this.name = 'RequestRefused';
    this.code = code;
    this.details = details;
  }
}

export function malformed(details: string, cause?: unknown): RequestRefused {
  return new RequestRefused(status.INVALID_ARGUMENT, details, { cause });
}

export function tooMuch(details: string): RequestRefused {
  return new RequestRefused(status.RESOURCE_EXHAUSTED, details);
}

export const notReady: StreamStatus = {
  code: status.UNAVAILABLE,
  details: 'kubervisor has not read all its inputs yet: an answer now could be wrong by omission',
};

export const stopping: StreamStatus = { code: status.UNAVAILABLE, details: 'kubervisor is stopping' };

/** Ours, not the client's: what it is goes to the log, not over the wire. */
export const internalError: StreamStatus = {
  code: status.INTERNAL,
  details: 'kubervisor failed to handle the request',
};
