import { describe, expect, it } from 'vitest';
import { readAnswer } from './answer.ts';

const json = 'application/json';

function read(body: unknown, status = 200, contentType: string | undefined = json) {
  return readAnswer({ status, contentType, body: typeof body === 'string' ? body : JSON.stringify(body) }, 5);
}

function success(result: unknown, resultType = 'vector', extra: object = {}) {
  return read({ status: 'success', data: { resultType, result }, ...extra });
}

function valueOf(value: unknown) {
  const answer = success([{ metric: { pod: 'a' }, value: [1.5, value] }]);
  return answer.kind === 'vector' ? answer.samples[0]?.value : answer.cause;
}

describe('a vector', () => {
  it('gives each series with its labels, and the earliest evaluation time in milliseconds', () => {
    const answer = success([
      { metric: { pod: 'a', zone: 'z' }, value: [1700000000.123, '1.5'] },
      { metric: { pod: 'b' }, value: [1700000000.123, '2e3'] },
    ]);
    expect(answer).toEqual({
      kind: 'vector',
      samples: [
        { labels: { pod: 'a', zone: 'z' }, value: { kind: 'number', value: 1.5 } },
        { labels: { pod: 'b' }, value: { kind: 'number', value: 2000 } },
      ],
      notes: [],
      evaluatedAtMs: 1700000000123,
    });
  });

  it('may be empty, which is an answer and not an error', () => {
    expect(success([])).toEqual({ kind: 'vector', samples: [], notes: [] });
  });

  it('has typed values, as a comparison with NaN is silently false', () => {
    expect(valueOf('NaN')).toEqual({ kind: 'nan' });
    expect(valueOf('+Inf')).toEqual({ kind: 'infinite', sign: 1 });
    expect(valueOf('-Inf')).toEqual({ kind: 'infinite', sign: -1 });
    expect(valueOf('-1e999')).toEqual({ kind: 'infinite', sign: -1 });
    expect(valueOf('-0.25')).toEqual({ kind: 'number', value: -0.25 });
  });

  it.each(['', ' 1', '0x10', '1_000', 'Infinity', 'nan', 'true', 7, null])('does not take %j for a value', (value) => {
    expect(valueOf(value)).toBe('bad-answer');
  });

  it('types native histograms, so that the breaker can say what to do about them', () => {
    const answer = success([{ metric: { pod: 'a' }, histogram: [1.5, { count: '2', sum: '3', buckets: [] }] }]);
    expect(answer).toMatchObject({ kind: 'vector', samples: [{ value: { kind: 'histogram' } }] });
  });

  it.each([
    ['no metric', { value: [1, '1'] }],
    ['a label that is not text', { metric: { pod: 1 }, value: [1, '1'] }],
    ['neither value nor histogram', { metric: {} }],
    ['both', { metric: {}, value: [1, '1'], histogram: [1, {}] }],
    ['no time', { metric: {}, value: ['1'] }],
    ['a time that is no number', { metric: {}, value: ['1', '1'] }],
    ['no object', 7],
  ])('is refused as a whole when an element has %s', (_, element) => {
    expect(success([{ metric: { pod: 'a' }, value: [1, '1'] }, element])).toMatchObject({ cause: 'bad-answer' });
  });

  it('is refused when it holds a series twice: both would count', () => {
    const series = { metric: { pod: 'a' }, value: [1, '1'] };
    expect(success([series, series])).toMatchObject({ cause: 'bad-answer', message: expect.stringContaining('twice') });
  });

  it('is refused with more series than the limit, before and after parsing', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ metric: { pod: `${i}` }, value: [1, '1'] }));
    expect(success(many(5))).toMatchObject({ kind: 'vector' });
    expect(success(many(6))).toMatchObject({ cause: 'too-large', message: expect.stringContaining('6 series') });
    expect(success(many(500))).toMatchObject({ cause: 'too-large' });
  });

  it('does not lose or invent labels with names of object properties', () => {
    const answer = read(
      '{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__proto__":"x"},"value":[1,"1"]}]}}',
    );
    expect(answer.kind === 'vector' && Object.entries(answer.samples[0]?.labels ?? {})).toEqual([['__proto__', 'x']]);
  });
});

describe('a result that is not a vector', () => {
  it.each(['scalar', 'string', 'matrix'])('%s is the fault of the query', (type) => {
    expect(success([1, '1'], type)).toMatchObject({ cause: 'bad-query', backOff: false });
  });

  it('of a type nobody knows is the fault of the source', () => {
    expect(success([], 'tensor')).toMatchObject({ cause: 'bad-answer' });
    expect(success({}, 'vector')).toMatchObject({ cause: 'bad-answer' });
    expect(read({ status: 'success' })).toMatchObject({ cause: 'bad-answer' });
  });
});

describe('annotations', () => {
  const info = 'PromQL info: metric might not be a counter: "price" (1:6)';
  const warning = 'PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)';

  it('of the query engine are notes', () => {
    expect(success([], 'vector', { infos: [info], warnings: [warning] })).toMatchObject({
      kind: 'vector',
      notes: [warning, info],
    });
  });

  it.each(['warnings', 'infos'])('of anything else in %s mean that data is missing', (field) => {
    const answer = success([{ metric: {}, value: [1, '1'] }], 'vector', {
      [field]: [info, 'No StoreAPIs matched for this query'],
    });
    expect(answer).toMatchObject({ cause: 'partial', message: expect.stringContaining('No StoreAPIs') });
  });

  it('isPartial means that data is missing', () => {
    expect(success([], 'vector', { isPartial: true })).toMatchObject({ cause: 'partial' });
    expect(success([], 'vector', { isPartial: false })).toMatchObject({ kind: 'vector' });
  });

  it('are bounded and on one line', () => {
    const answer = success([], 'vector', {
      infos: Array.from({ length: 50 }, () => `PromQL info: a\n\u001b[31m${'b'.repeat(5000)}`),
    });
    const notes = answer.kind === 'vector' ? answer.notes : [];
    expect(notes).toHaveLength(10);
    expect(notes[0]).toMatch(/^PromQL info: a \[31mb+\.\.\.$/);
    expect(notes[0]?.length).toBeLessThanOrEqual(300);
  });
});

describe('an error', () => {
  const apiError = (errorType: string, error: string) => ({ status: 'error', errorType, error });

  it.each([
    [400, apiError('bad_data', 'invalid parameter "query"'), 'bad-query', false],
    [422, apiError('execution', 'many-to-many matching'), 'bad-query', false],
    [401, '', 'unauthorized', false],
    [403, '<html>no</html>', 'unauthorized', false],
    [404, '404 page not found', 'bad-answer', false],
    [405, '', 'bad-answer', false],
    [429, 'slow down', 'throttled', true],
    [500, apiError('internal', 'disk'), 'server-error', true],
    [502, '<html>Bad Gateway</html>', 'server-error', true],
    [503, apiError('unavailable', 'starting'), 'server-error', true],
    [503, apiError('timeout', 'query timed out in expression evaluation'), 'timeout', false],
    [503, apiError('canceled', 'query was canceled'), 'timeout', false],
    [504, '<html></html>', 'timeout', true],
    [301, '', 'redirected', false],
    [200, apiError('execution', 'x'), 'bad-query', false],
    [200, apiError('internal', 'x'), 'server-error', true],
  ])('HTTP %i %j is %s, and backs off: %j', (status, body, cause, backOff) => {
    expect(read(body, status)).toMatchObject({ kind: 'failure', cause, backOff });
  });

  it('repeats what the API says about a query', () => {
    expect(read(apiError('bad_data', '1:5: parse error: unexpected "}"'), 400)).toMatchObject({
      message: '1:5: parse error: unexpected "}"',
    });
  });

  it("does not repeat a body that is not the API's", () => {
    const answer = read('<html><body>secret of a proxy</body></html>', 200, 'text/html; charset=utf-8');
    expect(answer).toMatchObject({ cause: 'bad-answer', message: 'HTTP 200 with text/html where JSON was expected' });
    expect(JSON.stringify(read('<html>secret</html>', 502, 'text/html'))).not.toContain('secret');
  });

  it.each(['', 'null', '[]', '"success"', '{', '{"status":"maybe"}', '{"status":"success"}{}'])(
    'a 200 of %j is a bad answer',
    (body) => {
      expect(read(body)).toMatchObject({ cause: 'bad-answer' });
    },
  );

  it('nesting without end is refused before it is parsed', () => {
    expect(read(`{"status":${'['.repeat(65)}`)).toMatchObject({ cause: 'too-large' });
  });
});
