/** Refusals on HTTP. */
import type { FastifyReply } from 'fastify';
import { asRefusal, Refusal, type RefusalStatus } from './refusal.ts';

/** The body of every answer that is not 2xx. */
export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  /** Empty when the message says it all. */
  readonly remedy: string;
}

export function sendRefusal(reply: FastifyReply, error: unknown): FastifyReply {
  const { status, problem } = fromFastify(error) ?? asRefusal(error);
  const body: ErrorBody = { code: problem.code, message: problem.message, remedy: problem.remedy ?? '' };
  if (status === 'unauthenticated') void reply.header('www-authenticate', 'Bearer');
  return reply.code(httpStatus[status]).send(body);
}

/** What the HTTP layer itself turned away, before any handler saw it. */
function fromFastify(error: unknown): Refusal | undefined {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  switch (status) {
    case 400:
      return bodyRefusal('invalid', 'the body is not valid JSON');
    case 413:
      return bodyRefusal('too-large', 'the body is too large: requests are a few names and a reason');
    case 415:
      return notJson();
    default:
      return undefined;
  }
}

/** A browser sends JSON across origins only after asking, and is refused then. */
export function notJson(): Refusal {
  return bodyRefusal('not-json', 'the body must be JSON');
}

function bodyRefusal(status: RefusalStatus, message: string): Refusal {
  const remedy = 'send an object of the request in docs/admin-api.md with Content-Type: application/json';
  return new Refusal(status, { code: 'KV0701', message, remedy });
}

const httpStatus: Readonly<Record<RefusalStatus, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'too-large': 413,
  'not-json': 415,
  unavailable: 503,
  internal: 500,
};
