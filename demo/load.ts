/** A steady stream of searches through one Envoy, and what came back. */
import { Agent, get } from 'node:http';

/** What the client saw in one answer. */
export interface Answer {
  readonly atMs: number;
  readonly pod: string;
  readonly kind: 'right' | 'wrong' | 'failed';
}

export interface Load {
  /** All answers since the start, oldest first. */
  readonly answers: readonly Answer[];
  stop(): void;
}

const routes = ['NCE-JFK', 'CDG-SIN', 'LHR-SFO', 'FRA-NRT'];
const tickMs = 10;
const maxBurst = 30;

/**
 * Sends `requestsPerSecond` at a constant rate, whether answers come or not: a client that waits for slow answers would
 * send less just when it matters.
 */
export function startLoad(port: number, requestsPerSecond: number): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const answers: Answer[] = [];
  const startedMs = Date.now();
  let sent = 0;

  const send = (): void => {
    // By chance, not in turn: in step with round robin each pod would always get the same routes, and prices.
    const route = routes[Math.floor(Math.random() * routes.length)] ?? 'NCE-JFK';
    sent += 1;
    const note = (kind: Answer['kind'], pod: string): void => {
      answers.push({ atMs: Date.now(), pod, kind });
    };
    const request = get(
      { agent, host: '127.0.0.1', port, path: `/search?route=${route}`, timeout: 5000 },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => note(...judgeAnswer(response.statusCode, body)));
        response.on('error', () => note('failed', ''));
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer within 5 s')));
    request.on('error', () => note('failed', ''));
  };

  const timer = setInterval(() => {
    const due = Math.floor(((Date.now() - startedMs) * requestsPerSecond) / 1000);
    // After a stall of ours what was missed is left out, not sent as one burst.
    sent = Math.max(sent, due - maxBurst);
    while (sent < due) send();
  }, tickMs);

  return {
    answers,
    stop() {
      clearInterval(timer);
      agent.destroy();
    },
  };
}

/** A price of 0 is a wrong answer, whatever the status says: no status code will ever show it. */
function judgeAnswer(status: number | undefined, body: string): [Answer['kind'], string] {
  if (status !== 200) return ['failed', ''];
  const { pod, prices } = JSON.parse(body) as { readonly pod: string; readonly prices: readonly number[] };
  return [prices.every((price) => price > 0) ? 'right' : 'wrong', pod];
}
