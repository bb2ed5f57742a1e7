/** What became of an override is written into its status, and what nobody needs any more is deleted. */
import { isRecord } from '../is-record.ts';
import { isForbidden, type KubeClient, KubeError } from '../kubernetes/kube-client.ts';
import { overridesPath } from '../kubernetes/paths.ts';
import type { ShapeCheck } from '../policy/shape.ts';
import type { Problem } from '../problem.ts';
import type { JsonValue } from '../store/store.ts';
import { type Override, readOverride } from './override.ts';
import type { OverrideStatus } from './schema.ts';

/** Each only while the object is the one that was seen. What fails is tried again by whoever looks next. */
export interface OverrideWriter {
  /** @returns the override as it is then; undefined: it said so already, or the write failed */
  tell(override: Override, status: OverrideStatus, signal: AbortSignal): Promise<Override | undefined>;
  remove(override: Override, signal: AbortSignal): Promise<void>;
  /** Set while the last write failed. */
  problem(): Problem | undefined;
}

export function createOverrideWriter(client: KubeClient, shape: ShapeCheck, onHealth: () => void): OverrideWriter {
  let failure: KubeError | undefined;

  async function send(verb: 'patch' | 'delete', path: string, body: JsonValue, signal: AbortSignal): Promise<unknown> {
    try {
      const answer = await client.send(verb, path, body, signal);
      failure = undefined;
      return answer;
    } catch (error) {
      const isOvertaken = error instanceof KubeError && (error.status === 409 || error.status === 404);
      if (!signal.aborted && !isOvertaken) failure = error instanceof KubeError ? error : new KubeError(String(error));
      return undefined;
    } finally {
      onHealth();
    }
  }

  return {
    async tell(override, status, signal) {
      if (isSame(override.status, status)) return undefined;
      // A merge patch takes away what is null.
      const gone = Object.fromEntries(Object.keys(override.status).map((key) => [key, null]));
      const body = { metadata: { resourceVersion: override.version }, status: { ...gone, ...status } };
      const answer = await send('patch', `${pathOf(override)}/status`, body, signal);
      return isRecord(answer) ? readOverride(answer, shape) : undefined;
    },
    async remove(override, signal) {
      const preconditions = { uid: override.uid, resourceVersion: override.version };
      await send('delete', pathOf(override), { preconditions }, signal);
    },
    problem: () => failure && unwritable(failure),
  };
}

function pathOf({ namespace, name }: Override): string {
  return `${overridesPath(namespace)}/${name}`;
}

function isSame(a: OverrideStatus, b: OverrideStatus): boolean {
  const entries = Object.entries(b);
  return (
    entries.length === Object.keys(a).length && entries.every(([key, value]) => a[key as keyof typeof a] === value)
  );
}

function unwritable(error: KubeError): Problem {
  return {
    code: 'KV0832',
    severity: 'error',
    message: `what became of an EndpointOverride cannot be written: ${error.message}`,
    remedy: isForbidden(error)
      ? 'give the ServiceAccount patch on endpointoverrides/status and delete on endpointoverrides'
      : 'it is tried again every few seconds; what is decided stays in force',
  };
}
