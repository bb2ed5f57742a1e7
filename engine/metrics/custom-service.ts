/**
 * Asking a custom service: a plain GET to one of its pods, which answers with verdicts.
 *
 * The policy that names it belongs to a tenant, and we can reach more than the tenant can. So nothing but a pod of the
 * tenant's own namespace is ever called, by its address and not by a name that somebody else resolves; nothing is
 * followed; and nothing of what comes back is repeated but fields that the protocol has for it.
 */
import { Agent } from 'node:http';
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import type { Verdict } from '../breakers/verdict.ts';
import type { Clock } from '../clock.ts';
import type { Backend, BackendId, EpochMs, ServiceKey } from '../model.ts';
import { splitServiceKey } from '../model.ts';
import { type CustomAnswer, readCustomAnswer } from './custom-answer.ts';
import { createDeadline } from './deadline.ts';
import { createHttp, type HttpOutcome } from './http.ts';
import { keepMs, rememberInUse } from './in-use.ts';

export interface SocketAddress {
  /** Literal IPv4 or IPv6 address, without brackets. */
  readonly address: string;
  readonly port: number;
}

export type ServiceAddresses =
  | { readonly kind: 'addresses'; readonly addresses: readonly SocketAddress[] }
  | { readonly kind: 'refused'; readonly reason: string };

/** Ready addresses behind a port of a Service, those that may be called: see callable.ts. */
export type ResolveService = (service: ServiceKey, port: number) => ServiceAddresses;

export interface CustomServiceRequest {
  /** In the namespace of the policy. */
  readonly service: ServiceKey;
  /** Port number of the Service. */
  readonly port: number;
  /** All backends of the judged fleet, terminating ones included. */
  readonly backends: readonly Backend[];
}

export type CustomServiceAnswer =
  | {
      readonly kind: 'verdicts';
      readonly verdicts: ReadonlyMap<BackendId, Verdict>;
      /** Entries that name no backend of this fleet; they are ignored. */
      readonly unknownCount: number;
      /** When the request went out: the verdicts speak of the time before. */
      readonly askedAtMs: EpochMs;
      /** How far back the service looked, when it says so. */
      readonly windowMs?: number;
    }
  | { readonly kind: 'error'; readonly cause: CustomServiceErrorCause; readonly message: string };

export type CustomServiceErrorCause =
  | 'refused'
  | 'unreachable'
  | 'timeout'
  | 'redirected'
  | 'bad-status'
  | 'bad-answer'
  | 'too-large';

export interface CustomServices {
  /** Never throws: an answer that cannot be used is an answer too. */
  ask(request: CustomServiceRequest, signal: AbortSignal): Promise<CustomServiceAnswer>;
}

export interface CustomServicesOptions {
  readonly resolve: ResolveService;
  readonly clock: Clock;
  /** Default: 1000. */
  readonly timeoutMs?: number;
}

const maxAnswerBytes = 1024 * 1024;

export function createCustomServices({ resolve, clock, timeoutMs = 1000 }: CustomServicesOptions): CustomServices {
  const http = createHttp(maxAnswerBytes);
  const forbidden = forbiddenAddresses();
  // No keep-alive: one request a period, to pods that come and go.
  const agent = new Agent({ keepAlive: false });
  const memoryOf = rememberInUse(clock, keepMs, (): { lastAsked?: LastAsked } => ({}));

  const get = async (url: string, host: string, signal: AbortSignal): Promise<HttpOutcome> => {
    const deadline = createDeadline(clock, timeoutMs, signal);
    const headers = { host, accept: 'application/json', 'user-agent': 'kubervisor' };
    try {
      return await http({ method: 'GET', url, headers, agent, signal: deadline.signal });
    } finally {
      deadline.dispose();
    }
  };

  return {
    async ask({ service, port, backends }, signal) {
      const label = `${service}:${port}`;
      const resolved = resolve(service, port);
      if (resolved.kind === 'refused') return error('refused', `${label}: ${resolved.reason}`);
      const memory = memoryOf(label);
      const target = choose(resolved.addresses, memory.lastAsked);
      if (target === undefined) return error('unreachable', `${label} has no ready endpoint`);
      if (!isAllowed(target.address, forbidden))
        return error('refused', `${label}: an endpoint has an address that no pod has`);

      const { namespace, name } = splitServiceKey(service);
      const askedAtMs = clock.now();
      const outcome = await get(`http://${authority(target)}/`, `${name}.${namespace}.svc:${port}`, signal);
      if (signal.aborted) return error('timeout', `${label}: cancelled`);
      const answer = readOutcome(outcome, namespace, backends);
      memory.lastAsked = { authority: authority(target), answered: answer.kind === 'verdicts' };
      return answer.kind === 'verdicts' ? { ...answer, askedAtMs } : error(answer.cause, `${label}: ${answer.message}`);
    },
  };
}

interface LastAsked {
  readonly authority: string;
  readonly answered: boolean;
}

/**
 * The instance that answered last is asked again, as instances may keep windows of their own and taking turns would mix
 * them. After a failure the next one is asked, so that one hung pod does not silence the breaker.
 */
function choose(addresses: readonly SocketAddress[], last: LastAsked | undefined): SocketAddress | undefined {
  const sorted = addresses.toSorted((a, b) => (authority(a) < authority(b) ? -1 : 1));
  const index = sorted.findIndex((address) => authority(address) === last?.authority);
  return last === undefined || index < 0 || last.answered
    ? sorted[Math.max(0, index)]
    : sorted[(index + 1) % sorted.length];
}

function authority({ address, port }: SocketAddress): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * The last line of defence, should slices made by hand ever get through: metadata services of clouds answer whoever
 * asks from a node. Loopback is allowed, as files mode has real uses for it.
 */
function forbiddenAddresses(): BlockList {
  const list = new BlockList();
  list.addSubnet('0.0.0.0', 8);
  list.addSubnet('169.254.0.0', 16);
  list.addAddress('100.100.100.200');
  list.addSubnet('224.0.0.0', 3);
  list.addAddress('::', 'ipv6');
  list.addSubnet('fe80::', 10, 'ipv6');
  list.addSubnet('fd00:ec2::', 32, 'ipv6');
  list.addSubnet('ff00::', 8, 'ipv6');
  return list;
}

function isAllowed(address: string, forbidden: BlockList): boolean {
  if (isIPv4(address)) return !forbidden.check(address);
  // The block list applies its IPv4 rules to ::ffff:a.b.c.d as well.
  return isIPv6(address) && !forbidden.check(address, 'ipv6');
}

type Outcome =
  | Extract<CustomAnswer, { kind: 'verdicts' }>
  | { readonly kind: 'error'; readonly cause: CustomServiceErrorCause; readonly message: string };

function readOutcome(outcome: HttpOutcome, namespace: string, backends: readonly Backend[]): Outcome {
  if (outcome.kind === 'failure') {
    return outcome.cause === 'aborted' ? error('timeout', 'no answer in time') : error(outcome.cause, outcome.message);
  }
  const { status } = outcome;
  if (status >= 300 && status < 400) return error('redirected', `HTTP ${status}, and redirects are not followed`);
  if (status !== 200) return error('bad-status', `HTTP ${status} where 200 was expected`);
  const answer = readCustomAnswer(outcome.body, namespace, backends);
  return answer.kind === 'verdicts' ? answer : error('bad-answer', answer.message);
}

function error(cause: CustomServiceErrorCause, message: string) {
  return { kind: 'error', cause, message } as const;
}
