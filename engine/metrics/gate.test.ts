import { expect, it } from 'vitest';
import { createGate } from './gate.ts';

const never = new AbortController().signal;

it('lets as many in as it has places, and the others in order of arrival', async () => {
  const gate = createGate(2);
  const log: string[] = [];
  const first = await gate.enter(never);
  const second = await gate.enter(never);
  const third = gate.enter(never).then((leave) => {
    log.push('third');
    return leave;
  });
  const fourth = gate.enter(never).then((leave) => {
    log.push('fourth');
    return leave;
  });
  expect(log).toEqual([]);
  second?.();
  (await third)?.();
  await fourth;
  expect(log).toEqual(['third', 'fourth']);
  first?.();
});

it('counts a place that is left twice once', async () => {
  const gate = createGate(1);
  const leave = await gate.enter(never);
  leave?.();
  leave?.();
  await gate.enter(never);
  const giveUp = new AbortController();
  const third = gate.enter(giveUp.signal);
  giveUp.abort();
  expect(await third).toBeUndefined();
});

it('skips who gave up waiting', async () => {
  const gate = createGate(1);
  const leave = await gate.enter(never);
  const giveUp = new AbortController();
  const impatient = gate.enter(giveUp.signal);
  const patient = gate.enter(never);
  giveUp.abort();
  expect(await impatient).toBeUndefined();
  leave?.();
  expect(await patient).toBeTypeOf('function');
  expect(await gate.enter(giveUp.signal)).toBeUndefined();
});
