/**
 * What one stream wants of one type, and what it has of it. Both protocols reduce their requests to this, and take from
 * it what is due.
 *
 * A name is due when it was asked for just now, and when its version is not the one that was sent last. A version that
 * the client refused stays parked until the content changes: sending it again would only be refused again, for ever.
 */
import type { EpochMs } from '../engine/model.ts';
import type { Resource } from './resource.ts';
import type { Batch } from './response.ts';
import type { Resources, Watcher } from './types.ts';

export interface Subscription {
  /** Whether the name itself was asked for, be it as one of everything or not. */
  has(name: string): boolean;
  names(): readonly string[];
  /** How many names it was asked for. */
  size(): number;
  /** Starts afresh with this name: it is sent even if it was sent before. */
  subscribe(name: string): void;
  unsubscribe(name: string): void;
  /** Everything, apart from what the client says it `known`s in the version that is served. */
  subscribeAll(known: ReadonlyMap<string, string>): void;
  unsubscribeAll(): void;
  hasAll(): boolean;
  /** All of it is due again. */
  repeat(): void;
  /** What is due now, up to about so many bytes; it counts as sent. Undefined when nothing is to be said. */
  take(maxBytes: number): Batch | undefined;
  accepted(batch: Batch): void;
  refused(batch: Batch, message: string, atMs: EpochMs): void;
  view(): readonly NameView[];
  /** Nobody is told anything any more. */
  close(): void;
}

/** One name on one stream, for people. */
export interface NameView {
  readonly name: string;
  /** Version last sent; empty for "does not exist". */
  readonly sentVersion?: string;
  readonly acceptedVersion?: string;
  /** Refused, and nothing accepted since. */
  readonly refusal?: Refusal;
}

export interface Refusal {
  readonly version: string;
  /** In the client's words. */
  readonly message: string;
  readonly atMs: EpochMs;
}

export interface SubscriptionOptions {
  readonly resources: Resources;
  /** Whether the protocol has words for "does not exist". */
  readonly tellsAbsence: boolean;
  /** Something may be due. */
  readonly onDue: () => void;
  /** A name was asked for that means nothing now. */
  readonly onUnknown: (name: string) => void;
}

interface Interest {
  /** Asked for by name; otherwise it is one of everything. */
  isNamed: boolean;
  /** To be sent although it was sent before. */
  isOwed: boolean;
  sent: string | undefined;
  accepted: string | undefined;
  refusal: Refusal | undefined;
}

/** In place of the version that was sent. */
const absent = '';

export function createSubscription({ resources, tellsAbsence, onDue, onUnknown }: SubscriptionOptions): Subscription {
  const interests = new Map<string, Interest>();
  /** To be looked at when a response can be sent. */
  const due = new Set<string>();
  let named = 0;
  let wantsAll = false;
  /** Everything was asked for, and an empty answer is an answer too. */
  let owesAnswer = false;

  const watcher: Watcher = {
    changed(name) {
      if (!interests.has(name)) add(name, false);
      due.add(name);
    },
    flush: onDue,
  };

  function add(name: string, isNamed: boolean): Interest {
    const interest = { isNamed, isOwed: false, sent: undefined, accepted: undefined, refusal: undefined };
    interests.set(name, interest);
    due.add(name);
    return interest;
  }

  function forget(name: string): void {
    interests.delete(name);
    due.delete(name);
  }

  /** What everything consists of has one name per resource; another spelling of it counts only if it was asked for. */
  function current(name: string, { isNamed }: Interest): Resource | undefined {
    return isNamed || resources.isListed(name) ? resources.get(name) : undefined;
  }

  function takeResource(resource: Resource, interest: Interest): boolean {
    if (resource.version === interest.refusal?.version) return false;
    if (resource.version === interest.sent && !interest.isOwed) return false;
    interest.sent = resource.version;
    interest.isOwed = false;
    return true;
  }

  /** Without words for it, silence: the client keeps what it has, and the name stays owed. */
  function takeAbsence(name: string, interest: Interest): boolean {
    if (!interest.isNamed) forget(name);
    if (!tellsAbsence || (interest.sent === absent && !interest.isOwed)) return false;
    interest.sent = absent;
    interest.isOwed = false;
    return true;
  }

  return {
    has: (name) => interests.get(name)?.isNamed === true,
    names: () => [...interests].filter(([, { isNamed }]) => isNamed).map(([name]) => name),
    size: () => named,

    subscribe(name) {
      if (interests.get(name)?.isNamed !== true) named += 1;
      add(name, true);
      resources.watch(name, watcher);
      if (resources.get(name) === undefined) onUnknown(name);
    },

    unsubscribe(name) {
      const interest = interests.get(name);
      if (interest?.isNamed !== true) return;
      named -= 1;
      resources.unwatch(name, watcher);
      if (wantsAll) {
        // The client cannot know whether it still gets the resource, as one of everything: it must be told.
        interest.isNamed = false;
        interest.isOwed = tellsAbsence;
        due.add(name);
      } else forget(name);
    },

    subscribeAll(known) {
      wantsAll = true;
      owesAnswer = tellsAbsence;
      resources.watchListed(watcher);
      for (const name of resources.listed()) {
        const interest = interests.get(name) ?? add(name, false);
        const version = known.get(name);
        if (version !== undefined && version === resources.get(name)?.version && !interest.isNamed) {
          interest.sent = version;
          interest.isOwed = false;
        } else {
          interest.isOwed = true;
          due.add(name);
        }
      }
      // What the client still has and is not there any more.
      for (const name of known.keys()) if (!interests.has(name)) add(name, false);
    },

    unsubscribeAll() {
      wantsAll = false;
      owesAnswer = false;
      resources.unwatchListed(watcher);
      for (const [name, { isNamed }] of interests) if (!isNamed) forget(name);
    },

    hasAll: () => wantsAll,

    repeat() {
      for (const [name, interest] of interests) {
        interest.isOwed = true;
        due.add(name);
      }
    },

    take(maxBytes) {
      const batch = { resources: [] as Resource[], removed: [] as string[] };
      let bytes = 0;
      for (const name of due) {
        if (bytes >= maxBytes) break;
        due.delete(name);
        const interest = interests.get(name);
        if (interest === undefined) continue;
        const resource = current(name, interest);
        if (resource === undefined) {
          if (takeAbsence(name, interest)) batch.removed.push(name);
        } else if (takeResource(resource, interest)) {
          batch.resources.push(resource);
          bytes += resource.bytes;
        }
      }
      const isEmpty = batch.resources.length === 0 && batch.removed.length === 0;
      if (isEmpty && !owesAnswer) return undefined;
      owesAnswer = false;
      return batch;
    },

    accepted(batch) {
      for (const { name, version } of batch.resources) {
        const interest = interests.get(name);
        if (interest === undefined) continue;
        interest.accepted = version;
        interest.refusal = undefined;
      }
    },

    refused(batch, message, atMs) {
      for (const { name, version } of batch.resources) {
        const interest = interests.get(name);
        if (interest !== undefined) interest.refusal = { version, message, atMs };
      }
    },

    view: () =>
      [...interests].map(([name, { sent, accepted, refusal }]) => ({
        name,
        ...(sent === undefined ? {} : { sentVersion: sent }),
        ...(accepted === undefined ? {} : { acceptedVersion: accepted }),
        ...(refusal === undefined ? {} : { refusal }),
      })),

    close() {
      for (const [name, { isNamed }] of interests) if (isNamed) resources.unwatch(name, watcher);
      if (wantsAll) resources.unwatchListed(watcher);
      interests.clear();
      due.clear();
    },
  };
}
