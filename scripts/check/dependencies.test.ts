import { describe, expect, it } from 'vitest';
import { belowFloor, namesHosts, notExact, undocumented } from './dependencies.ts';

describe('a dependency floor', () => {
  const floors = [{ package: 'undici', atLeast: ['6.28.0', '8.9.0'], reason: 'holes' }];
  const finds = (path: string, version: string): number =>
    belowFloor({ packages: { [path]: { version } } }, floors).length;

  it('refuses what is older in its own major line', () => {
    expect(finds('node_modules/undici', '8.8.9')).toBe(1);
    expect(finds('node_modules/undici', '8.9.0-rc.1')).toBe(1);
    expect(finds('node_modules/undici', '8.9.0')).toBe(0);
    expect(finds('node_modules/undici', '8.10.0')).toBe(0);
    expect(finds('node_modules/undici', '6.28.1')).toBe(0);
  });

  it('refuses a line that was never mended, and takes a newer one', () => {
    expect(finds('node_modules/undici', '7.99.0')).toBe(1);
    expect(finds('node_modules/undici', '5.0.0')).toBe(1);
    expect(finds('node_modules/undici', '9.0.0')).toBe(0);
  });

  it('holds for copies deeper in the tree, and for no other package', () => {
    expect(finds('node_modules/a/node_modules/undici', '5.0.0')).toBe(1);
    expect(finds('node_modules/undici-types', '5.0.0')).toBe(0);
  });

  it('says which copy, what is needed and why', () => {
    expect(belowFloor({ packages: { 'node_modules/undici': { version: '5.0.0' } } }, floors)).toEqual([
      'node_modules/undici is 5.0.0, needed is 6.28.0 or 8.9.0: holes',
    ]);
  });
});

it('wants exact versions', () => {
  const manifest = { dependencies: { a: '1.2.3' }, devDependencies: { b: '^1.2.3' }, optionalDependencies: { c: '1' } };
  expect(notExact(manifest)).toEqual([
    'package.json: b has "^1.2.3", an exact version is wanted',
    'package.json: c has "1", an exact version is wanted',
  ]);
});

it('wants each dependency in the table of the page, with its version', () => {
  const page = 'Text about `b 1.0.0`.\n\n| package | why |\n|---|---|\n| `a 1.0.0` | needed |\n| `c 0.9.0` | old |\n';
  const manifest = { dependencies: { a: '1.0.0', b: '1.0.0' }, devDependencies: { c: '1.0.0' } };
  expect(undocumented(manifest, page)).toEqual([
    'docs/dependencies.md has no row for `b 1.0.0`',
    'docs/dependencies.md has no row for `c 1.0.0`',
  ]);
});

it('wants a lockfile without addresses', () => {
  const packages = { 'node_modules/a': { resolved: 'https://registry.example/a.tgz' }, 'node_modules/b': {} };
  expect(namesHosts({ packages })).toEqual([
    'package-lock.json: node_modules/a names where it was fetched from ("resolved")',
  ]);
});
