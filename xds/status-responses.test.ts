import { expect, test } from 'vitest';
import { assignmentOf, endpointOf } from '../test/support/assignments.ts';
import { decodeStatus } from '../test/support/csds.ts';
import { sotwStream } from '../test/support/xds-stream.ts';
import { createBook } from './book.ts';
import { createXdsCache } from './cache.ts';
import { statusResponses } from './status-responses.ts';

test('whoever asks is told of what they may ask for themselves, and of no client that has nothing of it', async () => {
  const cache = createXdsCache();
  cache.publish([assignmentOf('a', endpointOf('10.0.0.1')), assignmentOf('b', endpointOf('10.0.0.2'))]);
  const book = createBook(cache.serviceOf);
  for (const [id, ...names] of [['n1', 'shop/a', 'shop/b'], ['n2', 'shop/b'], ['n3']] as const) {
    const stream = sotwStream({ cache });
    stream.say({ node: { id }, resource_names: [...names] });
    book.add(stream.stream);
  }
  const shown: unknown[] = [];
  const isVisible = (name: string): boolean => name === 'shop/a';
  for await (const response of statusResponses(book.clients(), {
    isVisible,
    showsIdle: true,
    withoutContents: false,
    withoutWords: false,
  })) {
    for (const { node, generic_xds_configs = [] } of decodeStatus(response).config ?? []) {
      shown.push([node?.id, ...generic_xds_configs.map(({ name }) => name)]);
    }
  }
  expect(shown).toEqual([['n1', 'shop/a'], ['n3']]);
});

test('between the slices of a long answer others have their turn', async () => {
  const cache = createXdsCache();
  const endpoints = Array.from({ length: 1000 }, (_, n) => endpointOf(`10.0.${n >> 8}.${n & 255}`));
  cache.publish([assignmentOf('a', ...endpoints)]);
  const book = createBook(cache.serviceOf);
  for (let n = 0; n < 50; n += 1) {
    const { stream, say, response } = sotwStream({ cache });
    book.add(stream);
    say({ node: { id: `n${n}` }, resource_names: ['shop/a'] });
    say({ resource_names: ['shop/a'], response_nonce: response().nonce ?? '' });
  }
  let turns = 0;
  let next = setImmediate(function turn() {
    turns += 1;
    next = setImmediate(turn);
  });
  let bytes = 0;
  for await (const response of statusResponses(book.clients(), {
    isVisible: () => true,
    showsIdle: true,
    withoutContents: false,
    withoutWords: false,
  })) {
    bytes += response.length;
  }
  clearImmediate(next);
  expect(bytes).toBeGreaterThan(1024 * 1024);
  expect(turns).toBeGreaterThan(1);
});
