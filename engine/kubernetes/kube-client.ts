/** The port to an API server: one question, one act, or one watch, over whatever connection and credentials. */
import type { JsonValue } from '../store/store.ts';

export type Query = Readonly<Record<string, string | number | boolean>>;

export interface KubeClient {
  /** The decoded JSON of the answer. @throws KubeError */
  get(path: string, query: Query, signal: AbortSignal): Promise<unknown>;
  /**
   * Changes something. The decoded JSON of the answer. A `patch` is a JSON merge patch: with `metadata.resourceVersion`
   * in it, it is a compare-and-set, and fails with 409 where the object is another one by now.
   * @throws KubeError; one without a status leaves open whether it was done
   */
  send(verb: Verb, path: string, body: JsonValue | undefined, signal: AbortSignal): Promise<unknown>;
  /**
   * Hands over each event as it comes, in order, and resolves when the server ends the watch in good order.
   * @throws KubeError when it is refused, breaks off, or is no JSON; and whatever `event` throws
   */
  watch(path: string, query: Query, observer: WatchObserver, signal: AbortSignal): Promise<void>;
}

export type Verb = 'post' | 'put' | 'patch' | 'delete';

export interface WatchObserver {
  /** The server has agreed: from now on silence means that nothing happens. */
  opened(): void;
  event(event: unknown): void;
}

interface KubeErrorFacts {
  readonly status?: number;
  readonly retryAfterMs?: number;
  readonly causes?: readonly string[];
  readonly isTooLarge?: boolean;
}

/** What an API server, or the way to it, has against a request. */
export class KubeError extends Error {
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  /** How long the server asks to be left alone. */
  readonly retryAfterMs: number | undefined;
  /** `details.causes[].reason` of its answer, such as `DisruptionBudget`. */
  readonly causes: readonly string[];
  /** The answer was more than we take at once: less has to be asked for. */
  readonly isTooLarge: boolean;

  constructor(message: string, facts: KubeErrorFacts = {}) {
    super(message);
    this.name = 'KubeError';
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
    this.causes = facts.causes ?? [];
    this.isTooLarge = facts.isTooLarge ?? false;
  }
}

interface Answered {
  readonly status?: number | undefined;
}

/** The API server does not let us: a right is missing. */
export function isForbidden({ status }: Answered): boolean {
  return status === 403;
}

/** The API server does not know us: the token or certificate is wrong, or has expired. No right would help. */
export function isUnauthenticated({ status }: Answered): boolean {
  return status === 401;
}

/** What was remembered is too old to go on from: everything has to be read again. */
export function isExpired(error: unknown): boolean {
  return error instanceof KubeError && error.status === 410;
}
