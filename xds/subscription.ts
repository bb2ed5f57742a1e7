/**
 * What one stream wants of one type, and what it has of it. Both protocols reduce their requests to this, and take from
 * it what is due.
 *
 * A name is due when it was asked for just now, and when its version is not the one that was sent last. A version that
 * the client refused stays parked until the content changes: sending it again would only be refused again, for ever.
 */
import type { EpochMs } from '../engine/model.ts';
import type { Client } from './client.ts';
import type { Holding, RefusedResource } from './holding.ts';
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
  /** These are due again, where they were asked for; without names, all of it. */
  repeat(names?: Iterable<string>): void;
  /** What is due now, up to about so many bytes; it counts as sent. Undefined when nothing is to be said. */
  take(maxBytes: number): Batch | undefined;
  accepted(batch: Batch): void;
  refused(batch: Batch, message: string, atMs: EpochMs): void;
  view(): readonly NameView[];
  /** What the client has of each name, in full. */
  holdings(): Iterable<Holding>;
  /** What would be sent by this name now. */
  current(name: string): Resource | undefined;
  /** Nobody is told anything any more. */
  close(): void;
}

/** What the client has of one name, in versions. */
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
  readonly client: Client;
  readonly absence: Absence;
  /** Something may be due. */
  readonly onDue: () => void;
  /** A name was asked for that means nothing now. */
  readonly onUnknown: (name: string) => void;
  /** A name was asked for that is not for this client. */
  readonly onRefused: (name: string) => void;
}

/**
 * How a client is told that something does not exist: by name; by name if it had said that name; by leaving it out of a
 * response that has all there is; or not at all, so that it keeps what it has.
 */
export type Absence = 'named' | 'named if asked for' | 'left out' | 'silent';

interface Interest {
  /** Asked for by name; otherwise it is one of everything. */
  isNamed: boolean;
  /** To be sent although it was sent before. */
  isOwed: boolean;
  /**
   * Whole resources, so that people can be shown what a client has and what it refused. All streams share them, and an old
   * version lives only as long as a client has nothing newer: that is two of each name at most.
   */
  sent: Resource | typeof absent | undefined;
  accepted: Resource | undefined;
  refused: RefusedResource | undefined;
}

/** In place of what was sent. */
const absent = 'absent';

export function createSubscription(options: SubscriptionOptions): Subscription {
  const { resources, client, absence, onDue, onUnknown, onRefused } = options;
  const interests = new Map<string, Interest>();
  /** To be looked at when a response can be sent. */
  const due = new Set<string>();
  let named = 0;
  let wantsAll = false;
  /** Something was asked for to which nothing is an answer too. */
  let owesAnswer = false;

  const watcher: Watcher = {
    changed(name) {
      // Of everything it hears all; what is not for this client must not show, not even as something that is gone.
      if (!interests.has(name)) {
        if (!resources.isListed(name, client)) return;
        add(name, false);
      }
      due.add(name);
    },
    flush: onDue,
  };

  function add(name: string, isNamed: boolean): Interest {
    const interest = { isNamed, isOwed: false, sent: undefined, accepted: undefined, refused: undefined };
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
    return isNamed || resources.isListed(name, client) ? resources.get(name, client) : undefined;
  }

  function isDue({ version }: Resource, interest: Interest): boolean {
    if (version === interest.refused?.resource.version) return false;
    return interest.isOwed || version !== versionOf(interest.sent);
  }

  function markSent(interest: Interest, sent: Resource | typeof absent): void {
    interest.sent = sent;
    interest.isOwed = false;
  }

  /** In silence the client keeps what it has, and the name stays owed. Of what is not its own it hears nothing at all. */
  function takeAbsence(name: string, interest: Interest): boolean {
    if (!interest.isNamed) forget(name);
    if (absence === 'named if asked for' && !interest.isNamed) return false;
    if (absence === 'silent' || !resources.allows(name, client)) return false;
    if (interest.sent === absent && !interest.isOwed) return false;
    markSent(interest, absent);
    // Now it has nothing: if the same comes back, that is news.
    interest.refused = undefined;
    return true;
  }

  function takeChanges(maxBytes: number): Batch {
    const batch = { resources: [] as Resource[], absent: [] as string[] };
    let changedAtMs = Number.POSITIVE_INFINITY;
    let bytes = 0;
    for (const name of due) {
      if (bytes >= maxBytes) break;
      due.delete(name);
      const interest = interests.get(name);
      if (interest === undefined) continue;
      const resource = current(name, interest);
      if (resource === undefined) {
        if (!takeAbsence(name, interest)) continue;
        batch.absent.push(name);
        // It says the name twice at most, and a name can be as long as a small assignment.
        bytes += 2 * name.length;
      } else if (isDue(resource, interest)) {
        const before = versionOf(interest.sent);
        if (before !== undefined && before !== resource.version) {
          changedAtMs = Math.min(changedAtMs, resource.servedSinceMs);
        }
        markSent(interest, resource);
        batch.resources.push(resource);
        bytes += resource.message.length;
      }
    }
    return Number.isFinite(changedAtMs) ? { ...batch, changedAtMs } : batch;
  }

  /** What was refused is in it again if anything else changed: left out, it would not exist. */
  function takeEverything(changes: Batch): Batch {
    const all: Resource[] = [];
    for (const [name, interest] of interests) {
      const resource = current(name, interest);
      if (resource === undefined) continue;
      markSent(interest, resource);
      all.push(resource);
    }
    return { ...changes, resources: all, absent: [], changed: changes.resources };
  }

  return {
    has: (name) => interests.get(name)?.isNamed === true,
    names: () => [...interests].filter(([, { isNamed }]) => isNamed).map(([name]) => name),
    size: () => named,

    subscribe(name) {
      if (interests.get(name)?.isNamed !== true) named += 1;
      add(name, true);
      if (absence === 'left out') owesAnswer = true;
      if (!resources.allows(name, client)) return onRefused(name);
      resources.watch(name, watcher);
      if (resources.get(name, client) === undefined) onUnknown(name);
    },

    unsubscribe(name) {
      const interest = interests.get(name);
      if (interest?.isNamed !== true) return;
      named -= 1;
      resources.unwatch(name, watcher);
      if (wantsAll) {
        // The client cannot know whether it still gets the resource, as one of everything: it must be told.
        interest.isNamed = false;
        interest.isOwed = absence === 'named';
        due.add(name);
      } else forget(name);
    },

    subscribeAll(known) {
      wantsAll = true;
      owesAnswer = absence !== 'silent';
      resources.watchListed(watcher);
      for (const name of resources.listed(client)) {
        const interest = interests.get(name) ?? add(name, false);
        const resource = resources.get(name, client);
        if (resource !== undefined && known.get(name) === resource.version && !interest.isNamed) {
          markSent(interest, resource);
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

    repeat(names = interests.keys()) {
      for (const name of names) {
        const interest = interests.get(name);
        if (interest === undefined) continue;
        interest.isOwed = true;
        due.add(name);
      }
      if (absence === 'left out' && interests.size === 0) owesAnswer = wantsAll;
    },

    take(maxBytes) {
      if (due.size === 0 && !owesAnswer) return undefined;
      // All there is goes in one piece: a part of it would say that the rest does not exist.
      const changes = takeChanges(absence === 'left out' ? Number.POSITIVE_INFINITY : maxBytes);
      if (changes.resources.length === 0 && changes.absent.length === 0 && !owesAnswer) return undefined;
      owesAnswer = false;
      return absence === 'left out' ? takeEverything(changes) : changes;
    },

    accepted(batch) {
      for (const resource of batch.resources) {
        const interest = interests.get(resource.name);
        if (interest === undefined) continue;
        interest.accepted = resource;
        interest.refused = undefined;
      }
    },

    refused(batch, message, atMs) {
      for (const resource of batch.resources) {
        const interest = interests.get(resource.name);
        if (interest !== undefined) interest.refused = { resource, message, atMs };
      }
    },

    view: () =>
      [...interests].map(([name, { sent, accepted, refused }]) => ({
        name,
        ...(sent === undefined ? {} : { sentVersion: versionOf(sent) ?? '' }),
        ...(accepted === undefined ? {} : { acceptedVersion: accepted.version }),
        ...(refused === undefined ? {} : { refusal: refusalOf(refused) }),
      })),

    current(name) {
      const interest = interests.get(name);
      return interest && current(name, interest);
    },

    *holdings() {
      for (const [name, { sent, accepted, refused }] of interests) {
        yield {
          name,
          ...(sent === undefined || sent === absent ? {} : { sent }),
          ...(accepted === undefined ? {} : { accepted }),
          ...(refused === undefined ? {} : { refused }),
        };
      }
    },

    close() {
      for (const [name, { isNamed }] of interests) if (isNamed) resources.unwatch(name, watcher);
      if (wantsAll) resources.unwatchListed(watcher);
      interests.clear();
      due.clear();
    },
  };
}

function versionOf(sent: Interest['sent']): string | undefined {
  return sent === absent ? undefined : sent?.version;
}

function refusalOf({ resource, message, atMs }: RefusedResource): Refusal {
  return { version: resource.version, message, atMs };
}
