/**
 * Pods that vanish without a word, one by one, while Kubervisor is away: their node is gone, or their network drops what
 * is sent to them. Nobody refuses a connection, so Envoy has to wait to find out. It takes a network of our own, in which
 * an address can disappear: a namespace of the kernel, for which nobody needs to be root.
 */
import { execFile, execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startEnvoy } from '../../demo/world/envoy.ts';
import { findPart } from '../../demo/world/parts.ts';
import { freePort } from '../../demo/world/ports.ts';
import { createXdsCache } from '../../xds/cache.ts';
import { startXdsServer } from '../../xds/server.ts';
import { assignmentOf, endpointOf } from '../support/assignments.ts';
import { runCli } from '../support/cli.ts';
import { keepAsking } from './away/asking.ts';
import type { Figure } from './figures.ts';

const addresses = Array.from({ length: 6 }, (_, index) => `10.1.0.${index + 1}`);
const eachMs = 20_000;

export async function benchSilent(runs: number): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (let run = 0; run < runs; run++) {
    const args = ['--user', '--map-root-user', '--net', '--kill-child', process.execPath, import.meta.filename];
    const { stdout } = await promisify(execFile)('unshare', args);
    figures.push(...(JSON.parse(stdout) as readonly Figure[]));
  }
  return figures;
}

async function inOwnNetwork(): Promise<readonly Figure[]> {
  const executable = findPart('envoy', process.env);
  if (executable === undefined) throw new Error('envoy is not there; fetch it with: npm run setup -- envoy');
  ip('link set lo up');
  // Whatever has no address here goes to a peer that nobody is.
  ip('link add out type veth peer name nowhere');
  ip('addr add 10.2.0.1/24 dev out');
  for (const end of ['out', 'nowhere']) ip(`link set ${end} up`);
  ip('route add default dev out');
  for (const address of addresses) {
    ip(`addr add ${address}/32 dev lo`);
    ip(`neigh add ${address} lladdr 02:00:00:00:00:01 dev out`);
    const pod = createServer((_, response) => void response.end(address));
    await new Promise<void>((resolve) => void pod.listen(8080, address, resolve));
  }

  const cache = createXdsCache();
  cache.publish([assignmentOf('pricer', ...addresses.map((address) => endpointOf(address)))]);
  cache.open();
  const server = await startXdsServer({ listen: { host: '127.0.0.1', port: 0 }, cache });
  const rendered = await runCli([
    ...['render', 'envoy', 'shop/pricer:http', '-o', 'json', '--xds-address', `127.0.0.1:${server.port}`],
    ...['--listen', `127.0.0.1:${await freePort()}`],
  ]);
  const envoy = await startEnvoy({ executable, bootstrap: JSON.parse(rendered.stdout) as object });
  const asking = keepAsking((await envoy.listener('ingress')) ?? '', 'all there');
  await sleep(eachMs / 4);
  await server.stop();
  for (const [index, address] of addresses.slice(0, -1).entries()) {
    asking.enter(`${index + 1} of ${addresses.length} silent`);
    ip(`addr del ${address}/32 dev lo`);
    await sleep(eachMs);
  }
  asking.stop();
  await envoy.stop();
  return [...asking.phases].flatMap(([phase, { asked, failed, answerMs }]) => [
    { name: `${phase}: failed of ${asked}`, unit: '%', samples: [(100 * failed) / asked] },
    { name: `${phase}: answered in`, unit: 'ms', samples: answerMs },
  ]);
}

function ip(command: string): void {
  execFileSync('ip', command.split(' '), { stdio: ['ignore', 'ignore', 'inherit'] });
}

if (import.meta.main) {
  process.stdout.write(JSON.stringify(await inOwnNetwork()));
  // The pods still listen.
  process.exit(0);
}
