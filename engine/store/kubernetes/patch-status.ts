/**
 * One write of a policy's status, as a compare-and-set: it is done only while the object is the one we know, same UID
 * and same resource version. What the object is by now, in whatever way we come to know, goes to the shelf.
 */
import type { Clock } from '../../clock.ts';
import { isRecord } from '../../is-record.ts';
import { inTime } from '../../kubernetes/in-time.ts';
import { type KubeClient, KubeError } from '../../kubernetes/kube-client.ts';
import { identityOf } from '../../kubernetes/object-meta.ts';
import { policiesPath } from '../../kubernetes/paths.ts';
import { keepPolicy, type PolicyObject } from '../../sources/kubernetes/policy-book.ts';
import type { JsonValue } from '../store.ts';
import type { Holding } from './shelf.ts';

export type StatusPatch = Readonly<Record<string, JsonValue | undefined>>;

export type PatchResult =
  | { readonly kind: 'done' }
  /** The object is another one by now, or is gone: nothing was written, and the shelf knows. */
  | { readonly kind: 'overtaken' }
  /** No answer: it may have been done, and may yet be. */
  | { readonly kind: 'unknown'; readonly error: KubeError }
  | { readonly kind: 'refused'; readonly error: KubeError };

export interface PatchOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** For one request and its answer. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly onObject: (object: PolicyObject) => void;
  readonly onGone: (holding: Holding) => void;
  /** Told of the object as it was, and of what was written. */
  readonly onWritten: (before: PolicyObject, status: StatusPatch) => void;
}

export type PatchStatus = (holding: Holding, status: StatusPatch) => Promise<PatchResult>;

export function createPatchStatus(options: PatchOptions): PatchStatus {
  const { client, clock, deadlineMs, signal, onObject, onGone, onWritten } = options;

  async function ask<T>(request: (until: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await inTime(clock, deadlineMs, signal, request, `no answer within ${deadlineMs / 1000} s`);
    } catch (error) {
      throw error instanceof KubeError ? error : new KubeError(String(error));
    }
  }

  /** What the object is now. */
  async function look(holding: Holding): Promise<KubeError | undefined> {
    try {
      onObject(policyIn(await ask((until) => client.get(pathOf(holding), {}, until))));
      return undefined;
    } catch (error) {
      const failure = error as KubeError;
      if (failure.status !== 404) return failure;
      onGone(holding);
      return undefined;
    }
  }

  return async (holding, status) => {
    const { uid, version: resourceVersion } = holding.object;
    try {
      const body = { metadata: { uid, resourceVersion }, status };
      const path = `${pathOf(holding)}/status`;
      onObject(policyIn(await ask((until) => client.send('patch', path, body, until))));
      onWritten(holding.object, status);
      return { kind: 'done' };
    } catch (error) {
      const failure = error as KubeError;
      // A server that fails may have done it all the same.
      if (failure.status === undefined || failure.status >= 500) {
        await look(holding);
        return { kind: 'unknown', error: failure };
      }
      if (failure.status !== 409 && failure.status !== 404) return { kind: 'refused', error: failure };
      const unseen = await look(holding);
      return unseen === undefined ? { kind: 'overtaken' } : { kind: 'refused', error: unseen };
    }
  };
}

function policyIn(answer: unknown): PolicyObject {
  if (!isRecord(answer) || identityOf(answer) === undefined) throw new KubeError('the answer is no policy');
  return keepPolicy(answer);
}

function pathOf({ object }: Holding): string {
  return `${policiesPath(object.namespace)}/${object.name}`;
}
