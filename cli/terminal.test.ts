/** What a person at a terminal sees, and what the text of others cannot do to it. */
import { describe, expect, it } from 'vitest';
import { adminOf, named, serveAdmin } from '../test/support/admin.ts';
import { world } from '../test/support/world.ts';
import type { Context } from './context.ts';
import { runCli } from './run.ts';
import { ageText, table } from './table.ts';

function terminal(columns = 100): {
  readonly context: Context;
  readonly written: string[];
  wrote(part: string): Promise<void>;
} {
  const written: string[] = [];
  const output = { write: (text: string) => void written.push(text), isTerminal: true, columns };
  return {
    written,
    wrote: (part) => expect.poll(() => written.join('')).toContain(part),
    context: {
      program: 'kubervisor',
      defaultServer: 'http://127.0.0.1:1',
      user: 'ana',
      stdin: () => Promise.resolve(''),
      stdout: output,
      stderr: output,
      env: {},
      now: () => Date.UTC(2026, 0, 1),
      interrupted: () => new AbortController().signal,
    },
  };
}

describe('get -w on a terminal', () => {
  it('draws the whole table anew with each change, cut to the width', async () => {
    const w = world();
    const admin = adminOf(w);
    const wires = await serveAdmin(admin);
    const { context, written, wrote } = terminal(60);
    const running = runCli(['get', '-w', '--server', wires.url], context);
    await wrote('  6        0');
    w.evaluations(2, w.bad('p1'));
    admin.changed(w.state.service);
    await wrote('  5        1');
    const home = '\x1b[H\x1b[J';
    const screens = written.join('').split(home).slice(1);
    expect(screens.length).toBe(2);
    for (const screen of screens) {
      expect(screen).toMatch(/^NAME +MODE/);
      expect(Math.max(...screen.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(60);
    }
    await wires[Symbol.asyncDispose]();
    expect(await running).toBe(1);
  });
});

describe('a terminal', () => {
  it.each([
    [200, ['BUDGET-LEFT', 'HELD', 'READY'], true],
    [80, [], false],
  ])('of %i columns shows what a Service is in: columns that say less go first', async (width, shown, isWhole) => {
    const admin = adminOf(named(world(), 'kubervisor', 'kubervisor-telemetry'));
    await using wires = await serveAdmin(admin);
    const { context, written } = terminal(width);
    expect(await runCli(['get', '--server', wires.url], context)).toBe(0);
    const [header = '', line = ''] = written.join('').split('\n');
    expect(['BUDGET-LEFT', 'HELD', 'READY'].filter((name) => header.includes(name))).toEqual(shown);
    expect(line).toContain('kubervisor/kubervisor-telemetry');
    expect(line).toContain(isWhole ? 'errors: not evaluated yet' : 'errors: not evaluated');
    expect(line.length).toBeLessThanOrEqual(width);
  });
});

describe('text of others', () => {
  it('cannot break a line of a table or move the cursor', async () => {
    const admin = adminOf(world());
    admin.proxies = [
      {
        nodeId: 'evil\x1b[2Jone',
        nodeCluster: '',
        version: 'a\nb',
        zone: '',
        dialect: 'envoy',
        address: '127.0.0.1:5',
        connectedAtMs: 0,
        subscriptions: [],
      },
    ];
    await using wires = await serveAdmin(admin);
    const { context, written } = terminal();
    expect(await runCli(['proxies', '--server', wires.url], context)).toBe(0);
    const text = written.join('');
    expect(text).not.toContain('\x1b');
    expect(text.trimEnd().split('\n')).toHaveLength(2);
  });
});

describe('a table', () => {
  const columns = [
    { header: 'NAME', cell: (row: readonly string[]) => row[0] ?? '' },
    { header: 'ZONE', cell: (row: readonly string[]) => row[1] ?? '', wide: true as const },
    { header: 'WHY', cell: (row: readonly string[]) => row[2] ?? '' },
  ];

  it('pads columns, prints - for nothing, and leaves no space at the end of a line', () => {
    expect(
      table(
        columns,
        [
          ['a-long-name', 'z', ''],
          ['b', '', 'why'],
        ],
        { width: 100 },
      ),
    ).toBe('NAME         WHY\na-long-name  -\nb            why\n');
  });

  it('is cut to its width, but never when it is wide', () => {
    const rows = [['a', 'z', 'x'.repeat(30)]];
    expect(table(columns, rows, { width: 12, header: false })).toBe(`a     ${'x'.repeat(5)}…\n`);
    expect(table(columns, rows, { width: 12, header: false, wide: true })).toBe(`a     z     ${'x'.repeat(30)}\n`);
  });
});

describe('an age', () => {
  const now = Date.UTC(2026, 0, 1);
  it.each([
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [310, '5m10s'],
    [3600, '60m'],
    [3 * 3600, '3h'],
    [47 * 3600, '47h'],
    [72 * 3600, '3d'],
    [-5, '0s'],
  ])('of %d s is %s', (seconds, text) => {
    expect(ageText(new Date(now - seconds * 1000).toISOString(), now)).toBe(text);
  });
});
