/** Bringing back on one replica alone: for when nobody decides, or what decides cannot be reached. */
import type { BackendId } from './model.ts';
import { type Decision, isOut } from './rotation/decision.ts';
import type { Runtime } from './runtime.ts';

/** False where it is not out. It holds until anything else is decided about the backend. */
export function bringBackHere(runtime: Runtime, backend: BackendId): boolean {
  const decision = runtime.state.enforced.decisions.get(backend);
  if (decision === undefined || !isOut(decision)) return false;
  runtime.broughtBack = new Map(runtime.broughtBack).set(backend, decision);
  return true;
}

export function withoutBroughtBack(
  runtime: Runtime,
  decisions: ReadonlyMap<BackendId, Decision>,
): ReadonlyMap<BackendId, Decision> {
  if (runtime.broughtBack.size === 0) return decisions;
  const holds = [...runtime.broughtBack].filter(([id, decision]) => {
    const now = runtime.state.enforced.decisions.get(id);
    return now !== undefined && now.epoch === decision.epoch && now.seq === decision.seq;
  });
  if (holds.length < runtime.broughtBack.size) runtime.broughtBack = new Map(holds);
  return new Map([...decisions].filter(([id]) => !runtime.broughtBack.has(id)));
}
