/** The one place where a message read by the proto meets the handler of the same name, whose types TypeScript cannot see. */
import type { Caller } from './acts.ts';
import type { AdminHandlers } from './handlers.ts';

export type AdminMethod = keyof AdminHandlers;
export type UnaryMethod = Exclude<AdminMethod, 'watch'>;

export type Invoke = (method: UnaryMethod, request: unknown, caller: Caller) => Promise<unknown>;

/** `request` must have been read as the proto's request of `method`. */
export function createInvoke(handlers: AdminHandlers): Invoke {
  return async (method, request, caller) =>
    (handlers[method] as (request: unknown, caller: Caller) => unknown)(request, caller);
}
