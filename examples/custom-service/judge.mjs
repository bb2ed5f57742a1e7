/**
 * A custom service: says of each pod whether what was reported of it in the last 30 seconds is too high on average.
 *   PORT=8080 node judge.mjs          needs nothing but Node 21 or newer
 *
 * POST /POD with a number   what somebody saw of the pod
 * GET  /                    the verdicts, as Kubervisor asks for them
 */
import { createServer } from 'node:http';

const windowMs = 30_000;
const bound = 20;
let reports = [];

function verdicts() {
  reports = reports.filter(({ atMs }) => Date.now() - atMs < windowMs);
  return [...Map.groupBy(reports, ({ pod }) => pod)].map(([pod, own]) => {
    const value = own.reduce((sum, report) => sum + report.value, 0) / own.length;
    if (value <= bound) return { pod, verdict: 'normal', value, bound };
    return {
      pod,
      verdict: 'anomalous',
      severity: value / bound,
      value,
      bound,
      reason: `mean of ${value} is above ${bound}`,
    };
  });
}

const server = createServer(async (request, response) => {
  if (request.method === 'POST') {
    const value = Number(await new Response(request).text());
    if (Number.isFinite(value)) reports.push({ pod: request.url.slice(1), value, atMs: Date.now() });
    response.end();
  } else {
    const answer = { apiVersion: 'breaker.kubervisor.io/v1', kind: 'Verdicts', windowSeconds: windowMs / 1000 };
    response.end(JSON.stringify({ ...answer, verdicts: verdicts() }));
  }
});

server.listen(process.env.PORT ?? 8080, () => console.log(`listening on ${server.address().port}`));
