/**
 * What must be true after everything that happens, by number: what it means here, and who checks it after every step
 * of the state machine. What is checked around the whole engine is in replicas.ts, under the same numbers.
 */
import type { Moment } from '../life.ts';
import * as announced from './announced.ts';
import * as base from './base.ts';
import * as choice from './choice.ts';
import * as decisions from './decisions.ts';
import * as evidence from './evidence.ts';
import * as guards from './guards.ts';
import * as probes from './probes.ts';
import * as served from './served.ts';
import * as steps from './steps.ts';

export type Check<Event> = (event: Event) => void;

export interface Invariant {
  readonly id: `I${number}`;
  readonly says: string;
  /** Made anew for each life, since some of them remember. */
  readonly ofSteps: readonly (() => Check<Moment>)[];
}

export const invariants: readonly Invariant[] = [
  {
    id: 'I1',
    says: 'As many are served at full weight as the floor wants, or all that are ready if these are fewer; less only for the minute that `onBreach: Readmit` waits, or under `Hold`. Nobody new goes beyond the budget, in which those count as out that there should be and are not',
    ofSteps: [served.floorKeeper, each(served.budgetKept), each(announced.missingCount), each(served.someoneIsServed)],
  },
  {
    id: 'I2',
    says: 'Only backends that are ready are served as healthy, while there are any; only who is served at full weight counts as available',
    ofSteps: [each(served.onlyReadyServed)],
  },
  {
    id: 'I3',
    says: 'The budget counts from the whole fleet as it was ready in the last 10 minutes; what is taken out does not lower it',
    ofSteps: [base.baseKeeper, each(base.noRatchet)],
  },
  {
    id: 'I4',
    says: 'Whoever gets less than full weight has a decision on record that names the breaker with value and bound, or the person; it was on record before it was served',
    ofSteps: [each(decisions.decisionsExplain), each(served.nothingReducedUnwritten), served.clampKeeper],
  },
  {
    id: 'I5',
    says: '(epoch, seq) of what is decided, written and served never goes back',
    ofSteps: [each(decisions.seqGrows)],
  },
  {
    id: 'I6',
    says: 'Without data nothing changes: who goes out, and who steps up, does so on a fresh verdict of a breaker that may act, and has data of most of the fleet; or by time, after `maxStale` without any',
    ofSteps: [
      each(evidence.convictedByFreshEvidence),
      each(evidence.stepsAreEarned),
      each(steps.silenceChangesNothing),
      each(probes.raisedForWantOfTraffic),
      each(guards.partialDataMovesNobody),
      guards.staleKeeper,
    ],
  },
  {
    id: 'I7',
    says: 'New ejections stay within the velocity of the Service and that of all together; while too much is bad at once nobody goes and nobody steps up; while the fleet changes its shape, or the cluster says that it does, nobody new goes. Few probe at once, and who has been out longest goes first',
    ofSteps: [
      served.velocityKeeper,
      evidence.holdKeeper,
      guards.shapeKeeper,
      announced.announcedKeeper,
      each(probes.probesAreFew),
    ],
  },
  {
    id: 'I8',
    says: 'Equal inputs are equal bytes, in every replica and after every restart; a version has one content and a content one version',
    ofSteps: [],
  },
  {
    id: 'I9',
    says: 'When faults end everybody who is out comes back, or is paused or evicted, and all clients have the same; time that is due is never slept over',
    ofSteps: [each(steps.timeIsAhead)],
  },
  {
    id: 'I10',
    says: 'A backend of a new identity inherits nothing, whatever its name and address; who is gone leaves nothing behind',
    ofSteps: [each(decisions.nothingInherited), each(decisions.nothingIsLeftBehind)],
  },
  {
    id: 'I11',
    says: 'Strikes grow by one, with a conviction, and are forgiven after judged health, or for a reason that is told',
    ofSteps: [each(decisions.strikesAreEarned), each(decisions.strikesAreForgiven)],
  },
  {
    id: 'I12',
    says: 'Weights are whole numbers from 1 to 100, and on the way back they only rise',
    ofSteps: [each(decisions.rampsRise), each(served.weightsAreWhole), each(probes.raisedToAQuarter)],
  },
  {
    id: 'I13',
    says: 'An eviction is asked for once for a backend, and only of one whose decision says so; of one pod template no more in an hour than the policy allows',
    ofSteps: [each(decisions.evictedOnce), guards.evictionKeeper],
  },
  {
    id: 'I14',
    says: 'When not all may go the worst go, ties by identity; a cohort goes as a whole, where the policy wants that; the order of the input changes nothing',
    ofSteps: [each(choice.worstGoFirst), each(evidence.cohortsGoTogether), choice.orderKeeper],
  },
  {
    id: 'I15',
    says: 'Observing changes nothing that is served, and pods of a StatefulSet are only observed where the policy does not allow more',
    ofSteps: [each(decisions.observersTakeNobodyOut), each(announced.statefulStay)],
  },
  {
    id: 'I16',
    says: 'Whom a breaker took out is back soon after the policy, or the breaker, is deleted',
    ofSteps: [each(decisions.accusersAreThere), decisions.deletionKeeper],
  },
  {
    id: 'I17',
    says: 'A stream has at most one unanswered response of a type, and gets nothing that it did not ask for',
    ofSteps: [],
  },
  {
    id: 'I18',
    says: 'A step is pure: replayed it gives the same state, and what it tells is what has changed',
    ofSteps: [each(steps.stepIsPure), each(steps.effectsAreTrue)],
  },
  {
    id: 'I19',
    says: 'What is decided of a Service changes nothing of another, least of all in another namespace',
    ofSteps: [],
  },
  {
    id: 'I20',
    says: 'While suspended nobody is out by a breaker, whatever was due; while all is suspended nobody is out at all. While frozen only people, edits and the floor move anybody, and not beyond its time',
    ofSteps: [each(decisions.suspensionHolds), each(decisions.frozenStandsStill)],
  },
];

function each(check: Check<Moment>): () => Check<Moment> {
  return () => check;
}
