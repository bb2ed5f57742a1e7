/**
 * One flight-search backend of the demo, a process of its own:
 *   node demo/pricer.ts NAME ADDRESS PORT
 *
 * GET  /search?route=NCE-JFK   three best prices, always HTTP 200
 * GET  /metrics                sum and count of the returned best price, for Prometheus
 * POST /fault?price=zero       from now on every price is 0, and everything technical still looks fine
 * POST /fault?price=none       healthy again
 */
import { createServer } from 'node:http';

const basePrices: ReadonlyMap<string, number> = new Map([
  ['NCE-JFK', 412],
  ['CDG-SIN', 689],
  ['LHR-SFO', 523],
  ['FRA-NRT', 744],
]);

function bestPrices(route: string): readonly number[] {
  const base = basePrices.get(route) ?? 400;
  return [0, 0.04, 0.11].map((extra) => Math.round(base * (1 + extra + Math.random() * 0.02)));
}

function serve(name: string, address: string, port: number): void {
  let isBroken = false;
  let priceSum = 0;
  let priceCount = 0;

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', `http://${address}`);
    const json = (body: unknown): void => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    };
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /search': {
        const route = url.searchParams.get('route') ?? 'NCE-JFK';
        const prices = isBroken ? [0, 0, 0] : bestPrices(route);
        priceSum += prices[0] ?? 0;
        priceCount += 1;
        json({ pod: name, route, prices });
        break;
      }
      case 'GET /metrics':
        response
          .setHeader('content-type', 'text/plain; version=0.0.4')
          .end(
            `# TYPE price_sum counter\nprice_sum ${priceSum}\n# TYPE price_count counter\nprice_count ${priceCount}\n`,
          );
        break;
      case 'POST /fault':
        isBroken = url.searchParams.get('price') === 'zero';
        json({ pod: name, isBroken });
        break;
      default:
        response.writeHead(404).end();
    }
  });
  server.keepAliveTimeout = 60_000;
  server.listen(port, address, () => process.stdout.write(`${name} listens on ${address}:${port}\n`));
  process.once('SIGTERM', () => {
    server.close();
    server.closeAllConnections();
  });
}

const [name = 'pricer', address = '127.0.0.1', port = '0'] = process.argv.slice(2);
serve(name, address, Number(port));
