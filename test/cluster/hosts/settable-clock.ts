/**
 * Preloaded (`node --import`) into a process whose wall clock a test sets, as an operator or NTP sets that of a machine, of
 * which there is only one here. On SIGUSR2 it reads from the file that `KUBERVISOR_TEST_CLOCK` names by how many
 * milliseconds it is wrong from now on. Timers and the monotonic clock go on, as they do on Linux when the clock is set.
 */
import { readFileSync } from 'node:fs';

const file = process.env['KUBERVISOR_TEST_CLOCK'] ?? '';
const RealDate = Date;
let wrongByMs = 0;

class SettableDate extends RealDate {
  constructor(...given: readonly unknown[]) {
    if (given.length === 0) super(SettableDate.now());
    else super(...(given as [number]));
  }

  static override now(): number {
    return RealDate.now() + wrongByMs;
  }
}

globalThis.Date = SettableDate as DateConstructor;
process.on('SIGUSR2', () => {
  wrongByMs = Number(readFileSync(file, 'utf8'));
});
