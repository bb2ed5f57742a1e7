/**
 * Suites whose programs need a network of their own: an API server takes no loopback address for an endpoint, so pods
 * that really answer get addresses of 10.1.0.0/24 on the loopback interface of a namespace. It needs no root, only that
 * the kernel lets people make namespaces.
 */
import { spawnSync } from 'node:child_process';
import { describe } from 'vitest';
import { startProcess, type RunningProcess } from '../../demo/world/process.ts';
import type { PartName } from '../../demo/world/parts.ts';
import { describeWith } from './parts.ts';

/**
 * As `describeWith`, for programs that are started in such a network.
 * @throws under CI=true when it cannot be had: there, a skipped test would be a silent hole.
 */
export function describeInOwnNetwork(needed: readonly PartName[], title: string, suite: () => void): void {
  const hasNamespaces = spawnSync('unshare', ['-Urn', 'ip', 'link', 'set', 'lo', 'up']).status === 0;
  const remedy = 'unprivileged user namespaces, and ip of iproute2';
  if (!hasNamespaces && process.env['CI'] === 'true') throw new Error(`${title}: needs ${remedy}`);
  describe.skipIf(!hasNamespaces)(hasNamespaces ? 'in a network of its own' : `(needs ${remedy})`, () => {
    describeWith(needed, title, suite);
  });
}

/** Runs a file of ours in a network of its own, where 10.1.0.1 to 10.1.0.30 are addresses of this machine. */
export function startInOwnNetwork(name: string, file: string): Promise<RunningProcess> {
  const addresses = Array.from({ length: 30 }, (_, index) => `ip addr add 10.1.0.${index + 1}/32 dev lo`);
  const script = ['set -e', 'ip link set lo up', ...addresses, 'exec "$0" "$1"'].join('\n');
  return startProcess({ name, command: 'unshare', args: ['-Urn', 'sh', '-c', script, process.execPath, file] });
}
