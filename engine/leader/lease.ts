/** A Lease of `coordination.k8s.io/v1`: read, and written by compare-and-set. */
import type { Clock } from '../clock.ts';
import { fieldsOf, isRecord } from '../is-record.ts';
import { inTime } from '../kubernetes/in-time.ts';
import { type KubeClient, KubeError } from '../kubernetes/kube-client.ts';
import { leasesPath, ownLabel } from '../kubernetes/paths.ts';
import { versionOf } from '../kubernetes/object-meta.ts';
import type { EpochMs } from '../model.ts';
import type { JsonValue } from '../store/store.ts';

export interface Lease {
  /** What a compare-and-set compares. */
  readonly version: string;
  /** Empty: nobody. */
  readonly holder: string;
  /** A time by the holder's wall clock: it says something by being another one than before, never by being early or late. */
  readonly renewedAt: string;
  /** For how long without a renewal it is the holder's; undefined when it does not say. */
  readonly durationMs: number | undefined;
  /** How often it has changed hands. */
  readonly transitions: number;
}

/** What a holder writes. */
export interface Claim {
  readonly holder: string;
  readonly durationMs: number;
  readonly transitions: number;
  /** Somebody else had it before. */
  readonly isNew: boolean;
}

export interface LeaseFile {
  /** Undefined: there is none. @throws KubeError */
  read(timeoutMs: number, signal: AbortSignal): Promise<Lease | undefined>;
  /**
   * Writes it if it is still what it was (undefined: if there is none).
   * @returns undefined when it is not: somebody else wrote it, or deleted it. @throws KubeError
   */
  write(before: Lease | undefined, claim: Claim, timeoutMs: number, signal: AbortSignal): Promise<Lease | undefined>;
}

export function openLease(client: KubeClient, clock: Clock, namespace: string, name: string): LeaseFile {
  const leases = leasesPath(namespace);
  const path = `${leases}/${name}`;

  /** @returns undefined where the answer has one of these statuses. */
  async function ask(
    question: (signal: AbortSignal) => Promise<unknown>,
    nothing: readonly number[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Lease | undefined> {
    try {
      return parseLease(
        await inTime(clock, timeoutMs, signal, question, `no answer within ${Math.round(timeoutMs)} ms`),
      );
    } catch (error) {
      if (error instanceof KubeError && nothing.includes(error.status ?? 0)) return undefined;
      throw error;
    }
  }

  return {
    read: (timeoutMs, signal) => ask((until) => client.get(path, {}, until), [404], timeoutMs, signal),
    write(before, claim, timeoutMs, signal) {
      const spec = specOf(claim, clock.now());
      if (before === undefined) {
        const object = {
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: { name, labels: ownLabel },
          spec,
        };
        // A 404 is that of the namespace.
        return ask((until) => client.send('post', leases, object, until), [409], timeoutMs, signal);
      }
      // A patch, so that what others wrote on the object, labels for example, stays.
      const labels = claim.isNew ? { labels: ownLabel } : {};
      const change = { metadata: { resourceVersion: before.version, ...labels }, spec };
      return ask((until) => client.send('patch', path, change, until), [404, 409], timeoutMs, signal);
    },
  };
}

function specOf({ holder, durationMs, transitions, isNew }: Claim, now: EpochMs): JsonValue {
  // The API server takes six decimals and no fewer.
  const time = new Date(now).toISOString().replace('Z', '000Z');
  return {
    holderIdentity: holder,
    // A whole number, of at least one.
    leaseDurationSeconds: Math.max(1, Math.ceil(durationMs / 1000)),
    leaseTransitions: transitions,
    renewTime: time,
    ...(isNew ? { acquireTime: time } : {}),
  };
}

/** Fields that a person left out or wrote oddly count as not being there. */
function parseLease(object: unknown): Lease {
  const version = versionOf(object);
  if (!isRecord(object) || version === undefined) throw new KubeError('the answer is no Lease');
  const spec = fieldsOf(object, 'spec');
  const { holderIdentity, renewTime, leaseDurationSeconds, leaseTransitions } = spec;
  return {
    version,
    holder: typeof holderIdentity === 'string' ? holderIdentity : '',
    renewedAt: typeof renewTime === 'string' ? renewTime : '',
    durationMs: isCount(leaseDurationSeconds) && leaseDurationSeconds > 0 ? leaseDurationSeconds * 1000 : undefined,
    transitions: isCount(leaseTransitions) ? leaseTransitions : 0,
  };
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

/** Whether its holder has done something to it: a label that somebody adds is no sign of life. */
export function isRenewed(before: Lease, after: Lease): boolean {
  return (
    before.holder !== after.holder ||
    before.renewedAt !== after.renewedAt ||
    before.transitions !== after.transitions ||
    before.durationMs !== after.durationMs
  );
}
