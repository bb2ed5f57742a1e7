import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createLines } from './lines.ts';

it('lines come out whole, however the bytes are cut, in the middle of a character too', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.array(fc.nat({ max: 9 })), (texts, cuts) => {
      const wanted = texts.map((text) => text.replaceAll('\n', '')).filter((text) => text !== '');
      const heard: string[] = [];
      const lines = createLines(1_000_000, (line) => heard.push(line));
      let bytes = Buffer.from(wanted.map((text) => `${text}\n`).join(''));
      for (const cut of cuts) {
        lines.push(bytes.subarray(0, cut));
        bytes = bytes.subarray(cut);
      }
      lines.push(bytes);
      expect(heard).toEqual(wanted);
      expect(lines.rest()).toBe(0);
    }),
  );
});

it('a line that does not end is known, and one that grows without end is refused', () => {
  const lines = createLines(10, () => undefined);
  lines.push(Buffer.from('12345'));
  expect(lines.rest()).toBe(5);
  expect(() => lines.push(Buffer.from('678901'))).toThrow('more than 10 bytes');
});
