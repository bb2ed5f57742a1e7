import { describe, expect, it } from 'vitest';
import { parseConfig } from '../config.ts';
import { type Readiness, startTelemetry } from './telemetry.ts';

const problem = { code: 'KV0801', severity: 'error', message: 'no connection to https://10.0.0.1' } as const;

async function serving(status: Readiness['status'], run: (url: string) => Promise<void>): Promise<void> {
  const about = { readiness: () => ({ status, problems: [problem] }), metrics: async () => 'kubervisor_up 1\n' };
  const server = await startTelemetry({ host: '127.0.0.1', port: 0 }, about);
  await run(`http://127.0.0.1:${server.port}`);
  await server.close();
}

describe('the listener for probes and metrics', () => {
  it('answers a kubelet, which calls the pod by its address, with yes or no and no details', async () => {
    await serving('ready', async (url) => {
      expect(await (await fetch(`${url}/healthz`)).text()).toBe('ok\n');
      const readiness = await fetch(`${url}/readyz`, { headers: { host: '10.1.2.3:18082' } });
      expect([readiness.status, await readiness.json()]).toEqual([200, { status: 'ready' }]);
    });
    for (const status of ['starting', 'stopping'] as const) {
      await serving(status, async (url) => {
        const readiness = await fetch(`${url}/readyz`);
        expect([readiness.status, await readiness.json()]).toEqual([503, { status }]);
      });
    }
  });

  it('has the metrics, and nothing that shows or changes what is decided', async () => {
    await serving('ready', async (url) => {
      const metrics = await fetch(`${url}/metrics`);
      expect([metrics.headers.get('content-type'), await metrics.text()]).toEqual([
        'text/plain; version=0.0.4; charset=utf-8',
        'kubervisor_up 1\n',
      ]);
      for (const path of ['/api/v1/services', '/api/v1/watch', '/api/v1/why'])
        expect((await fetch(`${url}${path}`)).status).toBe(404);
      const act = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"reason":"x"}' };
      expect((await fetch(`${url}/api/v1/suspend`, act)).status).toBe(404);
    });
  });

  it('says which key to change where its port is taken', async () => {
    await serving('ready', async (url) => {
      const again = startTelemetry(
        { host: '127.0.0.1', port: Number(new URL(url).port) },
        { readiness: () => ({ status: 'ready', problems: [] }), metrics: async () => '' },
      );
      await expect(again).rejects.toMatchObject({ problem: { code: 'KV0510', field: 'telemetry.listen' } });
    });
  });
});

describe('telemetry in the serving config', () => {
  const config = (telemetry: string) => parseConfig(`source: {files: .}\n${telemetry}`, 'kubervisor.yaml');

  it('is absent unless asked for, and needs no authentication on any address', () => {
    expect(config('').telemetry).toBeUndefined();
    expect(config('telemetry: {listen: "0.0.0.0:18082"}').telemetry).toEqual({ host: '0.0.0.0', port: 18_082 });
  });

  it.each([
    ['telemetry: {}', 'KV0504', 'telemetry.listen'],
    ['telemetry: {listen: ":18082"}', 'KV0503', 'telemetry.listen'],
    ['telemetry: {listen: "127.0.0.1:18080"}', 'KV0513', 'telemetry.listen'],
  ])('%s is %s', (text, code, field) => {
    expect(() => config(text)).toThrow(expect.objectContaining({ problem: expect.objectContaining({ code, field }) }));
  });
});
