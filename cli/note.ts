/** What a reader cannot know, and who does. */
import type { ReplicaView } from '../engine/admin/messages.ts';
import type { ReplicasOptions } from './cluster/leader.ts';
import type { Output } from './context.ts';
import { printable } from './printable.ts';

/** On standard error: standard output is for what is known. Each line is short enough for a terminal of 80 columns. */
export function tellNote(lines: readonly string[], stderr: Output): void {
  for (const line of lines) stderr.write(`${printable(line)}\n`);
}

/** How to get to the admin API of a replica. @param holder as the Lease names it: the pod, and its process behind an underscore */
export function forwardTo(
  holder: string,
  { controllerNamespace }: Pick<ReplicasOptions, 'controllerNamespace'>,
): string {
  const [pod = ''] = holder.split('_');
  return `kubectl -n ${controllerNamespace} port-forward pod/${pod} 18080`;
}

/** Whom to ask, and how to get there. @param leader as the Lease names it */
export function askLeader(leader: string, options: ReplicasOptions): readonly string[] {
  return [
    'verdicts and who is held: ask the leader, with --server http://127.0.0.1:18080',
    `after: ${forwardTo(leader, options)}`,
  ];
}

export function nobodyToAsk(why: string): readonly string[] {
  return ['verdicts and who is held are known to the leader alone', why];
}

/** Services whose own suspension outlasts that of everything. @param names as `namespace/service` */
export function tellStillSuspended(names: readonly string[], stderr: Output): void {
  if (names.length > 0) stderr.write(`${printable(`suspended by themselves, still: ${names.join(', ')}`)}\n`);
}

/** Of a server: one that decides, or has no others beside it, knows all there is. */
export function noteOf(replica: ReplicaView | undefined, options: ReplicasOptions): readonly string[] {
  if (replica?.role !== 'following') return [];
  if (replica.leader === '') return nobodyToAsk('this replica follows, and nobody leads');
  return askLeader(replica.leader, options);
}
