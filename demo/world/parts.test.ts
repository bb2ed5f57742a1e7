import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findPart, partFolder, parts, partsFolder } from './parts.ts';

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'kubervisor-parts-'));
});
afterEach(() => {
  rmSync(cache, { recursive: true });
});

it('looks where it is told, else in the cache folder of the user', () => {
  expect(partsFolder({ KUBERVISOR_PARTS: '/parts', XDG_CACHE_HOME: '/cache', HOME: '/home/me' })).toBe('/parts');
  expect(partsFolder({ XDG_CACHE_HOME: '/cache', HOME: '/home/me' })).toBe('/cache/kubervisor/parts');
  expect(partsFolder({ HOME: '/home/me' })).toBe('/home/me/.cache/kubervisor/parts');
});

it('finds a part of the right version, and only when it can be executed', () => {
  const env = { KUBERVISOR_PARTS: cache };
  const executable = join(cache, `envoy-${parts.envoy.version}`, 'envoy');
  expect(partFolder('envoy', env)).toBe(dirname(executable));
  expect(findPart('envoy', env)).toBeUndefined();

  mkdirSync(dirname(executable));
  writeFileSync(executable, '');
  expect(findPart('envoy', env)).toBeUndefined();

  chmodSync(executable, 0o755);
  expect(findPart('envoy', env)).toBe(executable);
});
