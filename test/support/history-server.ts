/** A Prometheus whose past is a function: what each pod has at a moment, for range and instant queries alike. */
import { json, type LoopbackServer, startServer } from '../metrics/loopback-server.ts';

/** The value of a pod so many minutes after the start of the history; undefined: no sample. */
export type History = (pod: string, minutes: number, query: string) => number | undefined;

export interface HistoryServer extends LoopbackServer {
  history: History;
  /** When set, every query is refused in these words. */
  refusal: string | undefined;
}

const minuteMs = 60_000;

/** Pods `p0`, `p1` and so on. */
export async function startHistoryServer(startMs: number, pods: number): Promise<HistoryServer> {
  const state: { history: History; refusal: string | undefined } = { history: () => undefined, refusal: undefined };
  const server = await startServer((request, response) => {
    if (state.refusal !== undefined) {
      return json(response, 400, { status: 'error', errorType: 'bad_data', error: state.refusal });
    }
    const at = (name: string): number => Number(request.form.get(name));
    const query = request.form.get('query') ?? '';
    const isRange = request.path.endsWith('/query_range');
    const result = Array.from({ length: pods }, (_, index) => `p${index}`).flatMap((pod): readonly object[] => {
      const metric = { pod };
      const value = (time: number) => state.history(pod, (time * 1000 - startMs) / minuteMs, query);
      if (!isRange) {
        const now = value(at('time'));
        return now === undefined ? [] : [{ metric, value: [at('time'), String(now)] }];
      }
      const count = Math.round((at('end') - at('start')) / at('step')) + 1;
      const values = Array.from({ length: count }, (__, step) => at('start') + step * at('step')).flatMap((time) => {
        const then = value(time);
        return then === undefined ? [] : [[time, String(then)]];
      });
      return values.length === 0 ? [] : [{ metric, values }];
    });
    json(response, 200, { status: 'success', data: { resultType: isRange ? 'matrix' : 'vector', result } });
  });
  return Object.assign(state, server);
}
