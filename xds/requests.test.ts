import { PassThrough } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import type { StreamStatus } from './refusal.ts';
import { SplitRequests } from './requests.ts';

function world(maxBytes = 100) {
  const heard: string[] = [];
  const refusals: StreamStatus[] = [];
  const source = new PassThrough();
  const requests = new SplitRequests(source, maxBytes, {
    request: (bytes) => void heard.push(bytes.toString()),
    refused: (refusal) => void refusals.push(refusal),
  });
  return { heard, refusals, source, requests, split: (chunk: Buffer) => requests.add(chunk) };
}

function framed(text: string, flag = 0): Buffer {
  const header = Buffer.from([flag, 0, 0, 0, 0]);
  header.writeUInt32BE(text.length, 1);
  return Buffer.concat([header, Buffer.from(text)]);
}

test.each([1, 2, 3, 7, 100])('messages are the same when they arrive %i bytes at a time', (size) => {
  const { heard, split } = world();
  const bytes = Buffer.concat([framed('one'), framed(''), framed('three and more')]);
  for (let from = 0; from < bytes.length; from += size) split(bytes.subarray(from, from + size));
  expect(heard).toEqual(['one', '', 'three and more']);
});

test('who sends a byte at a time has its bytes kept, not each of them apart', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const heapBytes = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const { heard, split } = world(1_000_000);
  const text = 'x'.repeat(300_000);
  const bytes = framed(text);
  const before = heapBytes();
  for (let at = 0; at < bytes.length - 1; at++) split(bytes.subarray(at, at + 1));
  expect(heapBytes() - before).toBeLessThan(5_000_000);
  split(bytes.subarray(-1));
  expect(heard).toEqual([text]);
});

describe('is refused, once, with all that follows', () => {
  test('what is larger than the limit, before it is there', () => {
    const { heard, refusals, split } = world(3);
    split(Buffer.concat([framed('abc'), framed('abcd').subarray(0, 5)]));
    split(framed('abc'));
    expect(heard).toEqual(['abc']);
    expect(refusals).toMatchObject([{ code: status.RESOURCE_EXHAUSTED }]);
  });

  test('what says that it is compressed', () => {
    const { heard, refusals, split } = world();
    split(Buffer.concat([framed('abc', 1), framed('abc')]));
    split(framed('abc'));
    expect(heard).toEqual([]);
    expect(refusals).toMatchObject([{ code: status.INVALID_ARGUMENT }]);
  });
});

test('what has come is kept while it is not read, and is heard in order afterwards', async () => {
  const { heard, source, requests, split } = world();
  requests.read(false);
  expect(source.isPaused()).toBe(true);
  split(Buffer.concat([framed('one'), framed('two').subarray(0, 6)]));
  split(framed('two').subarray(6));
  expect(heard).toEqual([]);
  requests.read(true);
  await new Promise(process.nextTick);
  expect(heard).toEqual(['one', 'two']);
  expect(source.isPaused()).toBe(false);
});

test('who stops in the middle of what has come goes on with the next message', async () => {
  const heard: string[] = [];
  const stopping = new SplitRequests(new PassThrough(), 100, {
    request(bytes) {
      heard.push(bytes.toString());
      stopping.read(false);
    },
    refused: () => undefined,
  });
  stopping.add(Buffer.concat([framed('a long one'), framed('b')]));
  expect(heard).toEqual(['a long one']);
  stopping.read(true);
  await new Promise(process.nextTick);
  expect(heard).toEqual(['a long one', 'b']);
});
