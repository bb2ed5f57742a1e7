/**
 * The order of resource versions. Kubernetes called them opaque for long, but every API server has them as decimal
 * numbers that grow, client libraries have come to depend on it, and since 1.35 it is promised. Without an order nobody
 * could notice that a server has gone back in time.
 */

/** Whether `a` is older than `b`. False where either is no number: what cannot be ordered is not called old. */
export function isOlder(a: string, b: string): boolean {
  return isNumber(a) && isNumber(b) && (a.length === b.length ? a < b : a.length < b.length);
}

function isNumber(version: string): boolean {
  return /^[1-9][0-9]{0,39}$/.test(version);
}
