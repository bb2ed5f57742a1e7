/**
 * Run as a process of its own, to be killed: loads the store in the directory of its argument and goes on saving, each
 * body one higher than the last. Prints `loaded EPOCH`, then each number once it is acknowledged.
 */
import { writeSync } from 'node:fs';
import { argv } from 'node:process';
import { serviceKey } from '../../engine/model.ts';
import { createFileStore } from '../../engine/store/file.ts';
import { noRevision } from '../../engine/store/store.ts';

const service = serviceKey('shop', 'pricer');
const store = createFileStore({ directory: argv[2] ?? '' });
const { records, epoch } = await store.load(new AbortController().signal);
const last = records.get(service);
let revision = last?.revision ?? noRevision;
let count = Number(last?.body ?? 0);
// Synchronously: what is acknowledged must be said before the next body is written.
writeSync(1, `loaded ${epoch}\n`);
for (;;) {
  const result = await store.save(service, count + 1, revision);
  if (result.kind !== 'saved') throw new Error(JSON.stringify(result));
  revision = result.revision;
  count += 1;
  writeSync(1, `${count}\n`);
}
