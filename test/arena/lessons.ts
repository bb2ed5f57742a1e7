/** For the page: what the figures of each scenario mean, and why not, where another contender has the better ones. */
export const lessons: Readonly<Record<string, string>> = {
  'wrong-value': `Status codes do not show it, so no detection of Envoy's can. The bad answers that are left are those until the pod is
out, and those of probes: each time one is due, the pod gets a quarter of its share for some seconds. Whom \`envoy-defaults\` ejects
here it ejects by chance: at this rate each pod has just the hundred requests in ten seconds that \`success_rate\` asks for, and
whoever had the only error of all goes, broken or not (see [Nothing is broken](#nothing-is-broken)).`,

  errors: `Envoy, well tuned, is as quick or quicker: at 30 % three errors in a row are soon there. It pays when the pod comes back at full weight, for
as long as it takes to notice again; Kubervisor tries with a part of the traffic, and takes longer until it believes that all is well.
With its defaults Envoy waits for five in a row, by chance, or for an interval of 10 s that has enough requests.`,

  'slow-pod': `Envoy does not judge durations.`,

  'gray-failure': `At 3 % errors hardly come in a row, and a share of 15 % is never reached. What finds the pod at Envoy is \`success_rate\`, for
which \`envoy-defaults\` has traffic enough here, and sooner than Kubervisor does, which waits until chance is ruled out. The price is
what else it ejects: it cannot tell one error of a healthy pod from this. The sequential test of a probe is blind between 0.5 and
5.5 %, so a pod like this one may come back, and is found again by the ordinary test.`,

  'bad-zone': `Three pods of nine are all that the budget may take out. Kubervisor sees that they have the zone in common, and takes them out
together (\`onCohort: EjectWithinBudget\`; by default it would report them and hold). They come back one at a time, so it takes
longer until all are back. By default Envoy may eject a tenth of the fleet, and finds none of them.`,

  'bad-canary': `As with one pod; the three have their version in common and go together.`,

  'shared-at-once': `Nobody can serve better answers here, so whoever ejects only takes capacity away; what is left has to carry the load, in
life often the end of it. Kubervisor sees that the fleet as a whole is far from the rate it is known for, and touches nobody.`,

  'shared-staggered': `The first pods that fail look like three broken ones, and the budget takes them out. When the others follow, it is seen
to be one failure, and they are back in seconds, as \`correlated\`, without strikes. What \`envoy-tuned\` saves in bad answers it pays with
half of the capacity, for as long as the failure lasts and after it.`,

  'five-of-six': `Here Envoy, well tuned, serves fewer bad answers, and that is meant: five of six are no outliers, and Kubervisor takes
nobody out. Who ejects half of such a fleet sends all of the load to the other half, of which two thirds are bad as well. A person
may still decide otherwise, with \`kubervisor eject\`.`,

  trickle: `Every Envoy meets the bad pod once in ten seconds: no five in a row, no hundred in an interval, no outlier. Together they see
enough. To be sure that the pod is well again takes sixty good answers, and with half a request a second for the probe that is two
minutes.`,

  flapping: `Envoy, well tuned, is the equal of Kubervisor, or better: where half of the answers fail, three in a row come within a second.
Each return that fails makes the next time out longer, at both; a probe of Kubervisor's that is well for ten seconds is not believed
yet.`,

  'slow-restart': `Here Envoy wins, with either profile. Connections that fail it sees at once, in all three contenders that have a detection;
where the pod then answers with errors it finds three or five in a row, while Kubervisor needs some seconds to confirm. See
[what to combine](#what-to-combine).`,

  'prometheus-down': `Without metrics nobody new goes out and nobody gets more traffic: who is out stays out, and who probes when they fail goes
on probing at the same weight, which is where most of these bad answers come from. When Prometheus is back, without its history, its
first answers are not believed until they fill a window.`,

  'kubervisor-killed': `Envoy keeps what it was told: the pod stays out. After the restart nothing changes for Envoy, times out go on where they
were, and the next probe is judged as ever.`,

  'scale-out': `Cold pods are slow and err, for a quarter of a minute, and all contenders serve that. To eject them would help nobody: they would
be as cold later. Kubervisor does not judge them while they warm up, nor by samples of that time, and holds while the fleet changes
its size.`,

  'healthy-noise': `A pod with 1 % errors beside one with 0.2 % is not broken. \`envoy-defaults\` has a hundred requests of each pod in ten seconds,
where an error or two are further from the mean than 1.9 standard deviations; no other factor would help (why, is told at
\`tunedDetection\` in [envoys.ts](../test/arena/envoys.ts)).`,
};
