import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { serviceKey } from '../model.ts';
import { documentName, parseDocumentName } from './record.ts';

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
