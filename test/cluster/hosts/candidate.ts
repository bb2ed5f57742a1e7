/** A replica that does nothing but stand for election, to be killed: node candidate.ts KUBECONFIG NAMESPACE IDENTITY TIMING */
import { systemClock } from '../../../engine/clock.ts';
import { connect } from '../../../engine/kubernetes/connect.ts';
import { createElection, type LeaseTiming } from '../../../engine/leader/election.ts';
import { formatProblem } from '../../../engine/problem.ts';

const [kubeconfig = '', namespace = '', identity = '', timing = ''] = process.argv.slice(2);
const election = createElection({
  client: await connect({ kubeconfig }, systemClock),
  clock: systemClock,
  monotonicMs: () => performance.now(),
  random: Math.random,
  namespace,
  name: 'kubervisor',
  identity,
  timing: JSON.parse(timing) as LeaseTiming,
  onChange: (standing) => console.log(JSON.stringify({ atMs: Date.now(), ...standing })),
  onProblem: (problem) => console.error(formatProblem(problem)),
});
process.once('SIGTERM', () => void election.release().then(() => process.exit(0)));
await election.run(new AbortController().signal);
