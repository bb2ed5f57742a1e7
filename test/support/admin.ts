/** The admin API over worlds in a test's hands: the real handlers and wires, and the real state machine behind them. */
import {
  type ChannelCredentials,
  type Client,
  credentials,
  makeClientConstructor,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import type { ManualAct } from '../../engine/admin/acts.ts';
import { startGrpcAdmin } from '../../engine/admin/grpc.ts';
import { type AdminHandlers, createAdminHandlers } from '../../engine/admin/handlers.ts';
import { type HttpAdminOptions, startHttpAdmin } from '../../engine/admin/http.ts';
import type { AdminMethod } from '../../engine/admin/invoke.ts';
import type { WatchResponse } from '../../engine/admin/messages.ts';
import { loadAdminProto } from '../../engine/admin/proto.ts';
import type { ConnectedProxy } from '../../engine/admin/proxies.ts';
import { type Clock, systemClock } from '../../engine/clock.ts';
import type { AdminListener } from '../../engine/config/config.ts';
import type { CommandOutcome, ServiceProblem } from '../../engine/engine.ts';
import { type ServiceKey, serviceKey } from '../../engine/model.ts';
import { isOut } from '../../engine/rotation/decision.ts';
import type { Problem } from '../../engine/problem.ts';
import type { Command } from '../../engine/rotation/event.ts';
import type { PolicyWord } from '../../engine/policy-status/word.ts';
import type { ServiceState, Suspension } from '../../engine/rotation/state.ts';
import type { Role } from '../../engine/store/store.ts';
import type { World } from './world.ts';

export interface AdminWorld {
  readonly handlers: AdminHandlers;
  readonly acts: readonly ManualAct[];
  /** Says that a Service changed, as the engine does after each event. */
  changed(service: ServiceKey): void;
  /** Watches that are open. */
  watchers(): number;
  proxies: readonly ConnectedProxy[];
  /** Of a replica among several. */
  role?: Role;
  /** What a cluster has about each policy. */
  word?: PolicyWord;
  /** Of each Service; default none. */
  problems?: readonly ServiceProblem[];
  /** Set, nothing that is said of everything gets on record. */
  storeProblem?: Problem;
  /** Set, every command is refused with this. */
  refuseAll?: Extract<CommandOutcome, { kind: 'refused' }>;
}

/** Each world is one Service; `named` gives a second one a name of its own. */
export function adminOf(...worlds: readonly World[]): AdminWorld {
  const listeners = new Set<(service: ServiceKey) => void>();
  const acts: ManualAct[] = [];
  let suspension: Suspension | undefined;

  function run(world: World, command: Command): CommandOutcome {
    if (admin.refuseAll !== undefined) return admin.refuseAll;
    const refused = world.command(command).find((effect) => effect.kind === 'refused');
    admin.changed(world.state.service);
    return refused === undefined
      ? { kind: 'done', state: world.state }
      : { kind: 'refused', cause: refused.cause, message: refused.message };
  }

  const admin: AdminWorld = {
    handlers: createAdminHandlers({
      engine: {
        states: () => worlds.map(({ state }) => state).filter(isThere),
        suspension: () => suspension,
        problemsOf: () => admin.problems ?? [],
        async command(service, command) {
          const world = worlds.find(({ state }) => state.service === service);
          return world === undefined
            ? { kind: 'refused', cause: 'unknown-service', message: `no Service ${service}` }
            : run(world, command);
        },
        // What it does to what is served is the engine's.
        bringBackHere: (service, backend) =>
          worlds.some(({ state }) => state.service === service && isOut(state.enforced.decisions.get(backend))),
        async suspendAll(next) {
          suspension = next;
          for (const world of worlds) {
            world.context = { ...world.context, globallySuspended: next !== undefined };
            world.step({ kind: 'tick' });
            admin.changed(world.state.service);
          }
          return admin.storeProblem;
        },
      },
      clock: worldClock(worlds[0]),
      timing: worlds[0]?.context.timing ?? failure(),
      proxies: (about) =>
        about === undefined ? admin.proxies : admin.proxies.filter((proxy) => asksFor(proxy, about)),
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      onAct: (act) => acts.push(act),
      role: () => admin.role,
      words: { of: () => admin.word },
    }),
    acts,
    changed: (service) => {
      for (const listener of listeners) listener(service);
    },
    watchers: () => listeners.size,
    proxies: [],
  };
  return admin;
}

function asksFor({ subscriptions }: ConnectedProxy, about: (service: ServiceKey) => boolean): boolean {
  return subscriptions.some(({ holdings = [] }) => holdings.some(({ service }) => about(service)));
}

/** The same world under another name: all worlds are born as shop/pricer. */
export function named(world: World, namespace: string, name: string): World {
  const service = serviceKey(namespace, name);
  return Object.create(world, { state: { get: () => ({ ...world.state, service }) } }) as World;
}

/** A Service without ports and backends stands for one that is gone. */
function isThere({ fleet }: ServiceState): boolean {
  return fleet.ports.length > 0;
}

/** The world's time; waiting is over at once. */
function worldClock(world: World | undefined): Clock {
  return {
    now: () => world?.now ?? failure(),
    at(_, run) {
      const timer = setImmediate(run);
      return () => clearImmediate(timer);
    },
  };
}

function failure(): never {
  throw new Error('a world is needed');
}

export const onLoopback: AdminListener = { address: { host: '127.0.0.1', port: 0 } };

export interface Wires extends AsyncDisposable {
  readonly url: string;
  readonly target: string;
}

/** Both wires on free ports. */
export async function serveAdmin({ handlers }: AdminWorld, options: Partial<HttpAdminOptions> = {}): Promise<Wires> {
  const listener = options.listener ?? onLoopback;
  const clock = systemClock;
  const http = await startHttpAdmin({
    handlers,
    listener,
    clock,
    readiness: () => ({ status: 'ready', problems: [] }),
    metrics: async () => 'kubervisor_up 1\n',
    ...options,
  });
  const grpc = await startGrpcAdmin({ handlers, listener, clock });
  return {
    url: `${listener.auth?.kind === 'mtls' ? 'https' : 'http'}://127.0.0.1:${http.port}`,
    target: `127.0.0.1:${grpc.port}`,
    async [Symbol.asyncDispose]() {
      await Promise.all([http.close(), grpc.close()]);
    },
  };
}

export interface GrpcClient extends Disposable {
  call(method: Exclude<AdminMethod, 'watch'>, request: object): Promise<unknown>;
  watch(request: object): AsyncIterable<WatchResponse> & { cancel(): void };
}

export function grpcClient(
  target: string,
  headers: Readonly<Record<string, string>> = {},
  channel: ChannelCredentials = credentials.createInsecure(),
): GrpcClient {
  const Admin = makeClientConstructor(loadAdminProto().definition, 'kubervisor.v1.Admin');
  const client = new Admin(target, channel) as Client & Record<string, GrpcCall>;
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const callOf = (method: AdminMethod): GrpcCall => client[method]?.bind(client) ?? failure();
  return {
    call: (method, request) =>
      new Promise((resolve, reject) => {
        callOf(method)(request, metadata, (error, response) => (error === null ? resolve(response) : reject(error)));
      }),
    watch: (request) => callOf('watch')(request, metadata) as unknown as ReturnType<GrpcClient['watch']>,
    [Symbol.dispose]: () => client.close(),
  };
}

type GrpcCall = (
  request: object,
  metadata: Metadata,
  callback?: (error: ServiceError | null, response: unknown) => void,
) => unknown;
