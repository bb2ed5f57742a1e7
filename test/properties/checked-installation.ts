/** An installation with every invariant checked; what breaks one is told with the story that leads to it. */
import type { ModelClient } from '../support/xds-model-client.ts';
import { tell } from './tell.ts';
import { type InstallationHistory, type Parts, run } from './installation.ts';
import { isOf, must } from './invariants/must.ts';
import * as replicas from './invariants/replicas.ts';
import { isSilent } from './metrics-faults.ts';
import type { Tally } from './tally.ts';

/** @param only the one rule that counts, as {@link must} has it; default: all of them */
export async function runChecked(
  history: InstallationHistory,
  tally: Tally,
  parts?: Parts,
  only?: string,
): Promise<void> {
  const story: string[] = [];
  let checks = 0;
  let looks = 0;
  const record = replicas.recordKeeper();
  const stamps = replicas.stampKeeper();
  const silence = replicas.silenceKeeper();
  const rate = replicas.rateKeeper();
  const eviction = replicas.evictionKeeper();
  const versions = replicas.versionKeeper();
  /** What is thrown in the middle of the engine's work would be its problem, and not ours. */
  let violation: Error | undefined;
  const note = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      if (only === undefined || isOf(only, error))
        violation ??= error instanceof Error ? error : new Error(String(error));
    }
  };
  const insist = (check: () => void): void => {
    note(check);
    if (violation !== undefined) throw violation;
  };
  const always = [
    replicas.replicaFloorKeeper(),
    replicas.replicasServeReadyOnes,
    record.onLook,
    silence.onLook,
    eviction.onLook,
    replicas.onlyThoseWhoMayReduce,
    replicas.namesakeIsUntouched,
    replicas.shopHasItsOwn,
  ];
  try {
    const lived = await run(
      history,
      {
        onPublish(installation, replica, service) {
          const look = replicas.lookAt(installation, replica, service);
          if (look === undefined) return;
          looks += 1;
          checks += always.length;
          for (const check of always) note(() => check(look));
        },
        onLook(installation, replica, service) {
          insist(() => undefined);
          const look = replicas.lookAt(installation, replica, service);
          if (look === undefined) return;
          looks += 1;
          checks += always.length + 1;
          for (const check of [...always, replicas.servedFollowsDecisions]) insist(() => check(look));
        },
        onClient: (client) => insist(() => listen(client)),
        onAct(installation) {
          checks += 3;
          for (const { client } of installation.followers) insist(() => listen(client));
          insist(() => stamps.onAct(installation));
          insist(() => versions(installation));
        },
        onSave(service, saved) {
          checks += 1;
          record.onSave(service, saved);
          note(() => stamps.onSave(service, saved));
        },
        onEffect(replica, effect) {
          checks += 2;
          tally.effect(effect);
          story.push(tell(effect));
          note(() => rate.onEffect(replica, effect));
          note(() => eviction.onEffect(replica, effect));
        },
        onRestart(before, after) {
          checks += 1;
          insist(() => replicas.restartChangesNothing(before, after));
        },
        onReplaced: (installation, id) => insist(() => replicas.newOnesAreInnocent(installation, id)),
        onClockSet() {
          silence.onClockSet();
          rate.onClockSet();
        },
        onMetrics: (fault, now) => silence.onMetrics(isSilent(fault), now),
        onEnd: (installation) => insist(() => replicas.everythingEnds(installation)),
        onDefect: (message) => note(() => must(false, 'defect', message)),
        story: (line) => story.push(line),
      },
      parts,
    );
    tally.lives += 1;
    tally.events += looks;
    tally.checks += checks;
    tally.simulatedMs += lived.livedMs;
    tally.faults += lived.faults;
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? '').slice(0, 2_500) : String(error);
    throw new Error([what, ...story].join('\n  '), { cause: error });
  }
}

/** The client itself objects to what it should not be sent. */
export function listen(client: ModelClient): void {
  try {
    client.listen();
  } catch (error) {
    must(false, 'I17 stream', error instanceof Error ? error.message : String(error));
  }
}
