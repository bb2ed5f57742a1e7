import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frame, frameFormat, unframe } from './frame.ts';
import type { JsonValue } from './store.ts';

const payload: JsonValue = { out: ['pricer-3'], reason: 'price 0 is "low" \u{1f4c9}', since: 1.5e12, none: null };

test('what is framed comes back', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const json = JSON.parse(JSON.stringify(value)) as JsonValue;
      expect(unframe(frame(json))).toEqual({ kind: 'intact', payload: json });
    }),
  );
});

describe('a frame that is not whole is damaged', () => {
  const bytes = Buffer.from(frame(payload));

  test('whichever single bit is flipped', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(unframe(flipped.toString('utf8')).kind, `bit ${bit}`).toBe('damaged');
    }
  });

  test('wherever it is cut, or whatever follows it', () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(unframe(bytes.subarray(0, length).toString('utf8')).kind, `cut to ${length}`).toBe('damaged');
    }
    expect(unframe(`${frame(payload)} `).kind).toBe('damaged');
  });

  test.each(['', '\0\0\0\0', 'null', '[]', '{"format":1}', '{"format":1,"sha256":"","payload":{}}'])(
    'when it is %j',
    (text) => {
      expect(unframe(text).kind).toBe('damaged');
    },
  );

  test('even when it was damaged into the number of a newer format', () => {
    expect(unframe(frame(payload).replace('"format":1', '"format":3')).kind).toBe('damaged');
  });
});

test('an intact frame of a newer format is newer, not damaged', () => {
  expect(unframe(frame(payload, frameFormat + 1))).toEqual({ kind: 'newer', format: frameFormat + 1 });
});
