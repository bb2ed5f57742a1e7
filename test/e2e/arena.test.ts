/** The leanest scenario of `npm run arena`, cut short: what must hold on any machine, and no figure of it. */
import { expect, it } from 'vitest';
import { plotOf } from '../arena/plot.ts';
import { type ContenderName, contenderNames, type Recording, verdicts } from '../arena/recording.ts';
import { runScenario } from '../arena/run.ts';
import type { Scenario } from '../arena/scenario.ts';
import { scenarios } from '../arena/scenarios.ts';
import { scoreOf, type Score } from '../arena/score.ts';
import { describeWith } from '../support/parts.ts';

describeWith(['envoy', 'prometheus'], 'the arena', ({ envoy, prometheus }) => {
  it('a wrong value with HTTP 200: nobody but Kubervisor sees it, and nobody who is well goes out', async () => {
    const whole = scenarios.find(({ name }) => name === 'wrong-value');
    if (whole === undefined) throw new Error('there is no scenario wrong-value');
    const faults = whole.faults.map((fault) => ({ ...fault, fromS: 1, untilS: 20 }));
    // Without the usual one error in a thousand, for which Envoy's defaults eject by chance.
    const pods = whole.pods.map((pod) => ({ ...pod, errorShare: 0 }));
    const scenario: Scenario = { ...whole, pods, faults, lengthS: 20 };
    const signal = AbortSignal.timeout(110_000);
    const recording: Recording = await runScenario(scenario, {
      ...{ envoy, prometheus, firstNetwork: 72, signal },
      progress: () => {},
    });
    const scoreFor = (name: ContenderName): Score => scoreOf(scenario, recording.contenders[name]);
    // Not all that is bad: on a busy machine some are slow at everybody's.
    const wrong = (name: ContenderName): number =>
      recording.contenders[name].answers.filter(([, , verdict]) => verdicts[verdict] === 'wrong').length;
    for (const name of contenderNames.filter((other) => other !== 'kubervisor')) {
      expect(scoreFor(name)).toMatchObject({ ejected: 0 });
      expect(wrong('kubervisor')).toBeLessThan(wrong(name));
    }
    expect(scoreFor('kubervisor')).toMatchObject({ ejected: 1, falseEjections: 0, minServing: 9, floor: 5 });
    expect(plotOf(scenario, recording)).toMatch(/^<svg xmlns="[^"]+" [^]*<rect class="right" [^]*<\/svg>\n$/);
  }, 120_000);
});
