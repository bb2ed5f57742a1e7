/** A steady stream of requests through one Envoy, told by phases. */
import { Agent, get } from 'node:http';

export interface Asking {
  /** Answers from now on belong to this phase. */
  enter(phase: string): void;
  readonly phases: ReadonlyMap<string, Phase>;
  stop(): void;
}

export interface Phase {
  /** Of what was answered with 200. */
  readonly answerMs: number[];
  asked: number;
  failed: number;
}

const everyMs = 20;

export function keepAsking(url: string, firstPhase: string): Asking {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const phases = new Map<string, Phase>();
  const phaseOf = (name: string): Phase => {
    const phase = phases.get(name) ?? { answerMs: [], asked: 0, failed: 0 };
    phases.set(name, phase);
    return phase;
  };
  let now = phaseOf(firstPhase);

  const ask = (): void => {
    const phase = now;
    const startedMs = performance.now();
    phase.asked += 1;
    const request = get(url, { agent, timeout: 30_000 }, (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === 200) phase.answerMs.push(performance.now() - startedMs);
        else phase.failed += 1;
      });
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => {
      phase.failed += 1;
    });
  };
  const timer = setInterval(ask, everyMs);
  return {
    phases,
    enter(name) {
      now = phaseOf(name);
    },
    stop() {
      clearInterval(timer);
      agent.destroy();
    },
  };
}
