import type { Change } from '../../kubernetes/reflector.ts';

/** Keeps a map of objects in step with one reflector, or with several that share no key. */
export function follow<T>(objects: Map<string, T>, change: Change<T>, touch: (key: string) => void): void {
  switch (change.kind) {
    case 'listed':
      for (const key of change.gone.keys()) {
        objects.delete(key);
        touch(key);
      }
      for (const [key, object] of change.items) {
        objects.set(key, object);
        touch(key);
      }
      break;
    case 'changed':
      objects.set(change.key, change.object);
      touch(change.key);
      break;
    case 'gone':
      objects.delete(change.key);
      touch(change.key);
      break;
  }
}
