/** The original took pods out by a label that the Service selects by. With us the selector must not have it. */
import { isFields } from '../walk.ts';
import type { Note } from './note.ts';

const trafficLabel = 'kubervisor/traffic';

/** A note when this is a Service that selects by the label of the original. */
export function selectorNote(object: unknown): Note | undefined {
  if (!isFields(object) || object['kind'] !== 'Service' || !isFields(object['spec'])) return undefined;
  const { selector } = object['spec'];
  if (!isFields(selector) || !Object.hasOwn(selector, trafficLabel)) return undefined;
  return {
    field: `spec.selector["${trafficLabel}"]`,
    why: 'take it out of the selector once Envoys are connected, and the label off the pods after that (docs/migrate.md)',
    needsAttention: true,
  };
}
