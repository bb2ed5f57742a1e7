/** Why a request is not done, on both wires. The codes have their paragraphs in docs/errors.md. */
import type { Problem } from '../problem.ts';
import type { CommandOutcome } from '../engine.ts';
import type { Command } from '../rotation/event.ts';

export type RefusalStatus =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'too-large'
  | 'not-json'
  | 'unavailable'
  | 'internal';

/** Thrown by handlers and gates; each wire turns it into its own status. */
export class Refusal extends Error {
  readonly status: RefusalStatus;
  readonly problem: Problem;

  constructor(status: RefusalStatus, problem: Omit<Problem, 'severity'>) {
    super(problem.message);
    this.name = 'Refusal';
    this.status = status;
    this.problem = { severity: 'error', ...problem };
  }
}

export function invalid(field: string, message: string, remedy?: string): Refusal {
  return new Refusal('invalid', {
    code: 'KV0701',
    field,
    message: `${field} ${message}`,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

/** What is thrown by accident says nothing to the client: it may hold paths or addresses. */
export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal('internal', {
    code: 'KV0713',
    message: 'the request failed inside Kubervisor',
    remedy: 'see its log, and report it',
  });
}

type CommandCause = Extract<CommandOutcome, { kind: 'refused' }>['cause'];

/** The engine's own word on why it did not do what it was told, with the code and the way out. */
export function commandRefusal(cause: CommandCause, message: string, verb?: Command['verb']): Refusal {
  switch (cause) {
    case 'unknown-service':
      return new Refusal('not-found', { code: 'KV0702', message, remedy: 'kubervisor get lists the Services' });
    case 'unknown-backend':
      return new Refusal('not-found', { code: 'KV0703', message, remedy: 'kubervisor endpoints lists the backends' });
    case 'floor':
      return new Refusal('conflict', {
        code: 'KV0705',
        message,
        remedy: 'restore another backend or add capacity first; --force does not go below the floor',
      });
    case 'guard':
      return new Refusal('conflict', { code: 'KV0706', message });
    case 'not-out':
      return new Refusal('conflict', { code: 'KV0707', message });
    case 'suspended':
      return new Refusal('conflict', { code: 'KV0708', message });
    case 'store-down':
      return new Refusal('unavailable', {
        code: 'KV0709',
        message,
        remedy: 'repair the store; nothing is taken out before it is on record, restore and suspend work without it',
      });
    case 'not-leader':
      // Not 503: the same replica would refuse again, however often it is asked.
      return new Refusal('conflict', {
        code: 'KV0810',
        message,
        remedy: wayToLeader(verb),
      });
    case 'no-policy':
      return new Refusal('conflict', {
        code: 'KV0811',
        message,
        remedy: 'create a policy for the Service, with enforcement: Observe if no breaker may act',
      });
  }
}

/** What is no act on a backend is no object that the leader would obey. */
function wayToLeader(verb: Command['verb'] | undefined): string {
  switch (verb) {
    case 'freeze':
    case 'unfreeze':
      return 'ask the leader itself, with --server: no object of the cluster freezes';
    case 'suspend':
    case 'resume':
      return 'kubervisor --context does it in the policy, which every replica obeys; everything at once, without a Service, on every replica';
    default:
      return 'create an EndpointOverride, as kubervisor --context does, and the leader obeys it; on every replica: suspend everything, restore --local';
  }
}
