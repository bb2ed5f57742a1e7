/** Who is asked about Services: a server, or a cluster. Both answer with the messages of the admin API. */
import type { GetResponse, ListResponse, ReplicaView, WatchResponse, WhyResponse } from '../engine/admin/messages.ts';
import { connect } from './client.ts';
import { type ClusterOptions, isOfCluster } from './cluster/open.ts';
import type { ReplicasOptions } from './cluster/leader.ts';
import type { Context } from './context.ts';
import { Exit } from './exit.ts';
import { noteOf } from './note.ts';
import { readService, type ServiceName, type ServiceOptions, servicePath, usage } from './options.ts';

export interface ReaderOptions extends ServiceOptions, ClusterOptions, ReplicasOptions {
  readonly namespace?: string;
  readonly allNamespaces?: true;
}

/** Some Services: one, those of a namespace, or all. */
export interface Scope {
  readonly namespace?: string;
  readonly name?: string;
}

export interface Reader {
  /** What is read; a cluster has a namespace where none is named. */
  readonly scope: Scope;
  list(): Promise<ListResponse>;
  /** Of the one Service that the scope names. */
  get(): Promise<GetResponse>;
  why(backend: string): Promise<WhyResponse>;
  watch(): AsyncGenerator<WatchResponse, never, void>;
  /** What it cannot know, and who does, in short lines; none: it knows all there is. @param replica that answered */
  note(replica: ReplicaView | undefined): readonly string[];
}

/** @param service as typed; absent: those of the namespace */
export async function openReader(
  service: string | undefined,
  options: ReaderOptions,
  context: Context,
): Promise<Reader> {
  if (options.allNamespaces !== undefined && (options.namespace !== undefined || service !== undefined)) {
    throw usage('-A means all namespaces', 'leave out -A, or -n and the Service');
  }
  if (isOfCluster(options)) return (await import('./cluster/reader.ts')).clusterReader(service, options, context);
  const client = await connect(options);
  const named = service === undefined ? undefined : readService(service, options.namespace);
  const scope: Scope = named ?? (options.namespace === undefined ? {} : { namespace: options.namespace });
  /** One that has only begun knows no Services, or has them on record and does not see their backends. */
  async function known<Answer>(
    answer: Promise<Answer>,
    isVoid: (answer: Answer) => boolean = () => false,
  ): Promise<Answer> {
    try {
      const given = await answer;
      const starting = isVoid(given) ? await client.starting() : undefined;
      if (starting !== undefined) throw starting;
      return given;
    } catch (error) {
      const isMissing =
        error instanceof Exit && error.problems.some(({ code }) => code === 'KV0702' || code === 'KV0703');
      throw (isMissing ? await client.starting() : undefined) ?? error;
    }
  }
  const isVoid = ({ services }: ListResponse): boolean => services.every(({ summary }) => summary.total === 0);
  return {
    scope,
    list: () => known(client.get<ListResponse>('/services', { namespace: scope.namespace }), isVoid),
    get: () =>
      known(client.get<GetResponse>(servicePath(scope as ServiceName)), ({ service }) => service.summary.total === 0),
    why: (backend) => known(client.get<WhyResponse>('/why', { backend, ...scope })),
    watch: () => client.watch({ ...scope }),
    note: (replica) => noteOf(replica, options),
  };
}
