/** The same requests at the same moments through the Envoys of every contender, and what came back. */
import { Agent, get } from 'node:http';
import { type Answer, type Verdict, verdicts } from './recording.ts';
import { drawLuck, luckHeader, slowAboveMs, writeLuck } from './requests.ts';

export interface LoadOptions {
  /** For each contender the ports of its Envoys. */
  readonly ports: readonly (readonly number[])[];
  readonly requestsPerSecond: number;
  readonly seed: number;
}

export interface Load {
  /** Of each contender, in the order in which they ended. */
  readonly answers: readonly (readonly Answer[])[];
  latestSendMs(): number;
  stop(): void;
}

const tickMs = 5;
const maxBurst = 10;
const timeoutMs = 5000;

/** At a constant rate, whether answers come or not: a client that waits for slow ones would ask less just when it matters. */
export function startLoad({ ports, requestsPerSecond, seed }: LoadOptions): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const draw = drawLuck(seed);
  const answers = ports.map((): Answer[] => []);
  const startedMs = performance.now();
  let sent = 0;
  let isOver = false;
  let latestSendMs = 0;

  const timer = setInterval(() => {
    const elapsedMs = performance.now() - startedMs;
    const due = Math.floor((elapsedMs * requestsPerSecond) / 1000);
    if (sent < due) latestSendMs = Math.max(latestSendMs, elapsedMs - ((sent + 1) * 1000) / requestsPerSecond);
    for (; sent < due; sent++) {
      const luck = writeLuck(draw());
      // After a stall of ours what was missed is left out, not sent as one burst.
      if (sent < due - maxBurst) continue;
      for (const [contender, envoys] of ports.entries()) {
        const sentMs = Math.round(elapsedMs);
        void ask(agent, envoys[sent % envoys.length] ?? 0, luck).then(([pod, verdict]) => {
          // What is under way at the end is cut off by us, and is nobody's failure.
          if (!isOver) answers[contender]?.push([sentMs, pod, verdicts.indexOf(verdict)]);
        });
      }
    }
  }, tickMs);

  return {
    answers,
    latestSendMs: () => Math.round(latestSendMs),
    stop() {
      isOver = true;
      clearInterval(timer);
      agent.destroy();
    },
  };
}

function ask(agent: Agent, port: number, luck: string): Promise<readonly [pod: number, verdict: Verdict]> {
  return new Promise((resolve) => {
    const startedMs = performance.now();
    const lost = (): void => resolve([-1, 'lost']);
    const request = get(
      { agent, host: '127.0.0.1', port, path: '/price', headers: { [luckHeader]: luck }, timeout: timeoutMs },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => resolve(judge(response.statusCode, body, performance.now() - startedMs)));
        response.on('error', lost);
      },
    );
    request.on('timeout', () => request.destroy());
    request.on('error', lost);
  });
}

/** Errors of the proxy itself carry no pod. */
function judge(status: number | undefined, body: string, tookMs: number): readonly [pod: number, verdict: Verdict] {
  if (!body.startsWith('{')) return [-1, 'lost'];
  const { pod, price } = JSON.parse(body) as { readonly pod: string; readonly price: number };
  const number = Number(pod.slice(pod.lastIndexOf('-') + 1)) - 1;
  if (status !== 200) return [number, 'error'];
  if (price <= 0) return [number, 'wrong'];
  return [number, tookMs > slowAboveMs ? 'slow' : 'good'];
}
