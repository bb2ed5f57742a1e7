import { describe, expect, test } from 'vitest';
import { createLog, type LogLevel } from './log.ts';

function capture(level: LogLevel): ReturnType<typeof createLog> & { readonly lines: () => readonly unknown[] } {
  const written: string[] = [];
  const control = createLog({ level, sink: { write: (line) => void written.push(line) } });
  return { ...control, lines: () => written.map((line) => JSON.parse(line)) };
}

test('a line is one JSON object with level, time, message and fields', () => {
  const { log, lines } = capture('info');
  log.info({ service: 'shop/pricer', breakers: 2 }, 'policy accepted');
  expect(lines()).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      message: 'policy accepted',
      service: 'shop/pricer',
      breakers: 2,
    },
  ]);
});

test('an error is written with message and stack', () => {
  const { log, lines } = capture('info');
  log.error({ err: new TypeError('no') }, 'failed');
  expect(lines()).toMatchObject([
    { err: { type: 'TypeError', message: 'no', stack: expect.stringContaining('log.test') } },
  ]);
});

test('a problem is logged at its severity, with code, place and remedy', () => {
  const { log, lines } = capture('info');
  log.problem({ code: 'KV0405', severity: 'warning', message: 'recovered', file: 'a.json', remedy: 'check' });
  log.problem({ code: 'KV0403', severity: 'error', message: 'lost', line: 3, column: 4 }, { service: 'shop/pricer' });
  expect(lines()).toMatchObject([
    { level: 'warn', code: 'KV0405', message: 'recovered', file: 'a.json', remedy: 'check' },
    { level: 'error', code: 'KV0403', message: 'lost', line: 3, column: 4, service: 'shop/pricer' },
  ]);
});

describe('the level', () => {
  test.each([
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
    ['silent', []],
  ] as const)('%s writes %j', (level, written) => {
    const { log, lines } = capture(level);
    for (const each of ['debug', 'info', 'warn', 'error'] as const) log[each]({}, 'x');
    expect(lines().map((line) => (line as { level: string }).level)).toEqual(written);
  });

  test('changes at run time, for derived logs too', () => {
    const { log, level, setLevel, lines } = capture('warn');
    const derived = log.with({ service: 'shop/pricer' });
    derived.info({}, 'unheard');
    setLevel('info');
    expect(level()).toBe('info');
    derived.info({}, 'heard');
    setLevel('warn');
    derived.info({}, 'unheard again');
    expect(lines()).toMatchObject([{ message: 'heard', service: 'shop/pricer' }]);
  });
});
