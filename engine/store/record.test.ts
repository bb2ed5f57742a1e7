import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { serviceKey } from '../model.ts';
import { documentName, parseDocumentName, parseEpoch, parseRecord, recordPayload } from './record.ts';
import type { JsonValue } from './store.ts';

const pricer = serviceKey('shop', 'pricer');

describe('a payload', () => {
  const payload = recordPayload({ service: pricer, revision: 7, body: {} }, 3) as { readonly [key: string]: JsonValue };

  test('is read as it was written', () => {
    expect(parseRecord(payload, pricer)).toEqual({ record: { service: pricer, revision: 7, body: {} }, epoch: 3 });
  });

  test.each([['1e999'], ['-1'], ['0.5'], ['1e300'], ['"3"'], ['null']])(
    'with %s for a count is none: nobody could count on from there',
    (text) => {
      const value = JSON.parse(text) as JsonValue;
      expect(parseRecord({ ...payload, epoch: value }, pricer)).toBeUndefined();
      expect(parseRecord({ ...payload, revision: value }, pricer)).toBeUndefined();
      expect(parseEpoch({ epoch: value })).toBeUndefined();
    },
  );
});

describe('the name of a document', () => {
  test('is NAMESPACE.SERVICE', () => {
    expect(documentName(serviceKey('shop', 'pricer'))).toBe('shop.pricer');
  });

  test('never leaves the directory and never stands for two Services, whatever the key', () => {
    const part = fc
      .oneof(fc.string(), fc.constantFrom('..', '.', 'a.b', 'a%2Eb', 'ä', 'x\0y'))
      .filter((text) => text.isWellFormed() && !text.includes('/'));
    fc.assert(
      fc.property(part, fc.oneof(part, fc.constant('../../etc/passwd')), (namespace, name) => {
        const document = documentName(serviceKey(namespace, name));
        expect(document).toMatch(/^[^./\\\0]*\.[^./\\\0]*$/);
        expect(parseDocumentName(document)).toBe(serviceKey(namespace, name));
      }),
    );
  });

  test.each(['pricer', 'shop.pricer.old', 'shop.pricer (1)', 'shop.%zz', ''])('%j is not one', (document) => {
    expect(parseDocumentName(document)).toBeUndefined();
  });
});
