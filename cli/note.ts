/** What a reader cannot know, and who does. */
import type { ReplicaView } from '../engine/admin/messages.ts';
import type { ReplicasOptions } from './cluster/leader.ts';
import type { Output } from './context.ts';
import { printable } from './printable.ts';

/** On standard error: standard output is for what is known. Each line is short enough for a terminal of 80 columns. */
export function tellNote(lines: readonly string[], stderr: Output): void {
  for (const line of lines) stderr.write(`${printable(line)}\n`);
}

/** Whom to ask, and how to get there. @param leader as the Lease names it */
export function askLeader(leader: string, { controllerNamespace }: ReplicasOptions): readonly string[] {
  // The holder is a name of the pod, and of its process behind an underscore.
  const [pod = ''] = leader.split('_');
  return [
    'verdicts and who is held: ask the leader, with --server http://127.0.0.1:18080',
    `after: kubectl -n ${controllerNamespace} port-forward pod/${pod} 18080`,
  ];
}

export function nobodyToAsk(why: string): readonly string[] {
  return ['verdicts and who is held are known to the leader alone', why];
}

/** Of a server: one that decides, or has no others beside it, knows all there is. */
export function noteOf(replica: ReplicaView | undefined, options: ReplicasOptions): readonly string[] {
  if (replica?.role !== 'following') return [];
  if (replica.leader === '') return nobodyToAsk('this replica follows, and nobody leads');
  return askLeader(replica.leader, options);
}
