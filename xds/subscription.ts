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
  /** How many names it watches, those of everything included. */
  count(): number;
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
  accepted(resources: readonly Resource[]): void;
  refused(resources: readonly Resource[], message: string, atMs: EpochMs): void;
  /** The client refused something, and has accepted no other version of it since. */
  isRefusing(): boolean;
  view(): readonly NameView[];
  /** Every name that it watches, those of everything included. */
  watched(): Iterable<string>;
  /** What the client has of a name that is watched. */
  holding(name: string): Holding | undefined;
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
  readonly owner: SubscriptionOwner;
}

export interface SubscriptionOwner {
  /** Something may be due. */
  due(): void;
  /** A name was asked for that means nothing now. */
  unknownName(name: string): void;
  /** A name was asked for that is not for this client. */
  refusedName(name: string): void;
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
  return new NameSubscription(options);
}

/** A class, as all that there is ten thousand times: docs/adr/0013. */
class NameSubscription implements Subscription, Watcher {
  private readonly resources: Resources;
  private readonly client: Client;
  private readonly absence: Absence;
  private readonly owner: SubscriptionOwner;
  private readonly interests = new Map<string, Interest>();
  /** To be looked at when a response can be sent. */
  private readonly due = new Set<string>();
  /** Names of a refused response, to be sent one by one. */
  private suspects: Set<string> | undefined;
  private named = 0;
  private wantsAll = false;
  /** Something was asked for to which nothing is an answer too. */
  private owesAnswer = false;

  constructor({ resources, client, absence, owner }: SubscriptionOptions) {
    this.resources = resources;
    this.client = client;
    this.absence = absence;
    this.owner = owner;
  }

  changed(name: string): void {
    // Of everything it hears all; what is not for this client must not show, not even as something that is gone.
    if (!this.interests.has(name)) {
      if (!this.resources.isListed(name, this.client)) return;
      this.add(name, false);
    }
    this.due.add(name);
  }

  flush(): void {
    this.owner.due();
  }

  has(name: string): boolean {
    return this.interests.get(name)?.isNamed === true;
  }

  names(): readonly string[] {
    return [...this.interests].filter(([, { isNamed }]) => isNamed).map(([name]) => name);
  }

  size(): number {
    return this.named;
  }

  count(): number {
    return this.interests.size;
  }

  subscribe(name: string): void {
    const { resources, client, owner } = this;
    if (!this.has(name)) this.named += 1;
    this.add(name, true);
    if (this.absence === 'left out') this.owesAnswer = true;
    if (!resources.allows(name, client)) return owner.refusedName(name);
    resources.watch(name, this);
    if (resources.get(name, client) === undefined) owner.unknownName(name);
  }

  unsubscribe(name: string): void {
    const interest = this.interests.get(name);
    if (interest?.isNamed !== true) return;
    this.named -= 1;
    this.resources.unwatch(name, this);
    if (this.wantsAll) {
      // The client cannot know whether it still gets the resource, as one of everything: it must be told.
      interest.isNamed = false;
      interest.isOwed = this.absence === 'named';
      this.due.add(name);
    } else this.forget(name);
  }

  subscribeAll(known: ReadonlyMap<string, string>): void {
    const { resources, client, interests } = this;
    this.wantsAll = true;
    this.owesAnswer = this.absence !== 'silent';
    resources.watchListed(this);
    for (const name of resources.listed(client)) {
      const interest = interests.get(name) ?? this.add(name, false);
      const resource = resources.get(name, client);
      if (resource !== undefined && known.get(name) === resource.version && !interest.isNamed) {
        markSent(interest, resource);
      } else {
        interest.isOwed = true;
        this.due.add(name);
      }
    }
    // What the client still has and is not there any more.
    for (const name of known.keys()) if (!interests.has(name)) this.add(name, false);
  }

  unsubscribeAll(): void {
    this.wantsAll = false;
    this.owesAnswer = false;
    this.resources.unwatchListed(this);
    for (const [name, { isNamed }] of this.interests) if (!isNamed) this.forget(name);
  }

  hasAll(): boolean {
    return this.wantsAll;
  }

  repeat(names: Iterable<string> = this.interests.keys()): void {
    for (const name of names) {
      const interest = this.interests.get(name);
      if (interest === undefined) continue;
      interest.isOwed = true;
      this.due.add(name);
    }
    if (this.absence === 'left out' && this.interests.size === 0) this.owesAnswer = this.wantsAll;
  }

  take(maxBytes: number): Batch | undefined {
    if (this.due.size === 0 && !this.owesAnswer) return this.takeSuspect();
    // All there is goes in one piece: a part of it would say that the rest does not exist.
    const isFullState = this.absence === 'left out';
    const changes = this.takeChanges(isFullState ? Number.POSITIVE_INFINITY : maxBytes);
    const isNothing = changes.resources.length === 0 && changes.absent.length === 0;
    if (isNothing && !this.owesAnswer) return this.takeSuspect();
    this.owesAnswer = false;
    return isFullState ? this.takeEverything(changes) : changes;
  }

  accepted(resources: readonly Resource[]): void {
    for (const resource of resources) {
      const interest = this.interests.get(resource.name);
      if (interest === undefined) continue;
      interest.accepted = resource;
      interest.refused = undefined;
    }
  }

  refused(resources: readonly Resource[], message: string, atMs: EpochMs): void {
    // Sent one by one, those that are good get through. Where a response has all there is, it cannot be taken apart.
    const isTakenApart = resources.length > 1 && this.absence !== 'left out';
    for (const resource of resources) {
      const interest = this.interests.get(resource.name);
      // Given up and asked for anew since: that is a wish that was not answered yet.
      if (interest?.sent !== resource) continue;
      interest.refused = { resource, message, atMs };
      if (isTakenApart) (this.suspects ??= new Set()).add(resource.name);
    }
  }

  isRefusing(): boolean {
    for (const { refused } of this.interests.values()) if (refused !== undefined) return true;
    return false;
  }

  view(): readonly NameView[] {
    return [...this.interests].map(([name, { sent, accepted, refused }]) => ({
      name,
      ...(sent === undefined ? {} : { sentVersion: versionOf(sent) ?? '' }),
      ...(accepted === undefined ? {} : { acceptedVersion: accepted.version }),
      ...(refused === undefined ? {} : { refusal: refusalOf(refused) }),
    }));
  }

  current(name: string): Resource | undefined {
    const interest = this.interests.get(name);
    return interest && this.resourceOf(name, interest);
  }

  watched(): Iterable<string> {
    return this.interests.keys();
  }

  holding(name: string): Holding | undefined {
    const interest = this.interests.get(name);
    if (interest === undefined) return undefined;
    const { sent, accepted, refused } = interest;
    return {
      name,
      ...(sent === undefined || sent === absent ? {} : { sent }),
      ...(accepted === undefined ? {} : { accepted }),
      ...(refused === undefined ? {} : { refused }),
    };
  }

  close(): void {
    for (const [name, { isNamed }] of this.interests) if (isNamed) this.resources.unwatch(name, this);
    if (this.wantsAll) this.resources.unwatchListed(this);
    this.interests.clear();
    this.due.clear();
  }

  private add(name: string, isNamed: boolean): Interest {
    const interest: Interest = {
      isNamed,
      isOwed: false,
      sent: undefined,
      accepted: undefined,
      refused: undefined,
    };
    this.interests.set(name, interest);
    this.due.add(name);
    return interest;
  }

  private forget(name: string): void {
    this.interests.delete(name);
    this.due.delete(name);
    this.suspects?.delete(name);
  }

  /** What everything consists of has one name per resource; another spelling of it counts only if it was asked for. */
  private resourceOf(name: string, { isNamed }: Interest): Resource | undefined {
    const { resources, client } = this;
    return isNamed || resources.isListed(name, client) ? resources.get(name, client) : undefined;
  }

  private takeChanges(maxBytes: number): Batch {
    const found: Resource[] = [];
    const gone: string[] = [];
    let changedAtMs = Number.POSITIVE_INFINITY;
    let bytes = 0;
    for (const name of this.due) {
      if (bytes >= maxBytes) break;
      const interest = this.interests.get(name);
      this.due.delete(name);
      if (interest === undefined) continue;
      const resource = this.resourceOf(name, interest);
      if (resource === undefined) {
        if (!this.takeAbsence(name, interest)) continue;
        gone.push(name);
        // It says the name twice at most, and a name can be as long as a small assignment.
        bytes += 2 * name.length;
      } else if (isDue(resource, interest)) {
        const before = versionOf(interest.sent);
        if (before !== undefined && before !== resource.version) {
          changedAtMs = Math.min(changedAtMs, resource.servedSinceMs);
        }
        markSent(interest, resource);
        this.suspects?.delete(name);
        found.push(resource);
        bytes += resource.message.length;
      }
    }
    const [only] = found;
    const batch = { resources: only !== undefined && found.length === 1 ? only.alone : found, absent: gone };
    return Number.isFinite(changedAtMs) ? { ...batch, changedAtMs } : batch;
  }

  /** One of a response that was refused as a whole, by itself; when nothing else is due, or changes would wait for it. */
  private takeSuspect(): Batch | undefined {
    for (const name of this.suspects ?? []) {
      this.suspects?.delete(name);
      const interest = this.interests.get(name);
      const resource = interest && this.resourceOf(name, interest);
      if (interest !== undefined && resource === undefined) {
        // Refused along with others, and never by itself: if the same comes back, that is news to the client.
        interest.refused = undefined;
        interest.sent = interest.accepted;
      }
      if (resource === undefined || resource.version !== interest?.refused?.resource.version) continue;
      markSent(interest, resource);
      return { resources: resource.alone, absent: [] };
    }
    this.suspects = undefined;
    return undefined;
  }

  /** In silence the client keeps what it has, and the name stays owed. Of what is not its own it hears nothing at all. */
  private takeAbsence(name: string, interest: Interest): boolean {
    if (!interest.isNamed) this.forget(name);
    if (this.absence === 'named if asked for' && !interest.isNamed) return false;
    if (this.absence === 'silent' || !this.resources.allows(name, this.client)) return false;
    if (interest.sent === absent && !interest.isOwed) return false;
    markSent(interest, absent);
    // Now it has nothing: if the same comes back, that is news.
    interest.refused = undefined;
    return true;
  }

  /** What was refused is in it again if anything else changed: left out, it would not exist. */
  private takeEverything(changes: Batch): Batch {
    const all: Resource[] = [];
    for (const [name, interest] of this.interests) {
      const resource = this.resourceOf(name, interest);
      if (resource === undefined) continue;
      markSent(interest, resource);
      all.push(resource);
    }
    return { ...changes, resources: all, absent: [], changed: changes.resources };
  }
}

function isDue({ version }: Resource, interest: Interest): boolean {
  if (version === interest.refused?.resource.version) return false;
  return interest.isOwed || version !== versionOf(interest.sent);
}

function markSent(interest: Interest, sent: Resource | typeof absent): void {
  interest.sent = sent;
  interest.isOwed = false;
}

function versionOf(sent: Interest['sent']): string | undefined {
  return sent === absent ? undefined : sent?.version;
}

function refusalOf({ resource, message, atMs }: RefusedResource): Refusal {
  return { version: resource.version, message, atMs };
}
