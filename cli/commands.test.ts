/** The program itself against the real admin API: what it prints, and how it ends. */
import { createServer } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdminWorld, adminOf, named, onLoopback, serveAdmin, type Wires } from '../test/support/admin.ts';
import { createAuthority } from '../test/support/certificates.ts';
import { runCli, startCli } from '../test/support/cli.ts';
import { backendOf, policyOf, type World, world } from '../test/support/world.ts';
import { commands } from './commands.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubervisor-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

async function served(
  worlds: readonly World[],
  run: (wires: Wires, admin: AdminWorld) => Promise<void>,
): Promise<void> {
  const admin = adminOf(...worlds);
  await using wires = await serveAdmin(admin);
  await run(wires, admin);
}

function ejectedWorld(): World {
  const w = world();
  w.evaluations(2, w.bad('p3'));
  return w;
}

describe('get', () => {
  it('prints one line a Service, names first, no header with a space, no line over 100', async () => {
    const held = world({ policy: policyOf({ budget: { maxEjectedPercent: 0 } }) });
    held.evaluations(2, held.bad('p1'));
    const plain = world({ policy: undefined });
    await served([ejectedWorld(), named(held, 'shop', 'quotes'), named(plain, 'ops', 'plain')], async ({ url }) => {
      const { code, stdout, stderr } = await runCli(['get'], url);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatchInlineSnapshot(`
        "NAME         MODE     READY  SERVING  OUT  HELD  BUDGET-LEFT  STATUS
        shop/pricer  Enforce  6/6    5        1    0     1/2          ok
        shop/quotes  Enforce  6/6    6        0    1     0/0          1 held
        ops/plain    None     6/6    6        0    0     2/2          no policy
        "
      `);
    });
  });

  it('of one Service adds its breakers', async () => {
    await served([ejectedWorld()], async ({ url }) => {
      const { stdout } = await runCli(['get', 'pricer', '-n', 'shop'], url);
      expect(stdout).toMatch(
        /^NAME +MODE[^]*\n\nNAME +MODE +OUTCOME +EVALUATED +NORMAL +ANOMALOUS +NO-DATA +BASELINE +WHY\n/,
      );
      expect(stdout).toMatch(/\nerrors +Enforce +judged +\S+ +5 +1 +0 +- +-\n$/);
    });
  });

  it('-o json is the answer of the API, unchanged', async () => {
    await served([ejectedWorld()], async ({ url }) => {
      for (const [args, path] of [
        [['get'], '/services'],
        [['get', 'shop/pricer'], '/services/shop/pricer'],
        [['endpoints', 'shop/pricer'], '/services/shop/pricer'],
        [['why', 'p3'], '/why?backend=p3'],
        [['proxies'], '/proxies'],
      ] as const) {
        const { stdout } = await runCli([...args, '-o', 'json'], url);
        expect(JSON.parse(stdout)).toEqual(await (await fetch(`${url}/api/v1${path}`)).json());
      }
    });
  });

  it('says on standard error that everything is suspended', async () => {
    await served([world()], async ({ url }, { handlers }) => {
      await handlers.suspend({ namespace: '', name: '', all: true, reason: 'outage', actor: 'ana' }, {});
      const { stdout, stderr } = await runCli(['get'], url);
      expect(stderr).toMatch(/^everything is suspended since \S+ by ana: outage\n$/);
      expect(stdout).toMatch(/shop\/pricer +Suspended .* suspended \(all\)\n$/);
      // Of one Service too.
      expect((await runCli(['get', 'shop/pricer'], url)).stderr).toBe(stderr);
    });
  });

  describe('from a replica that does not judge', () => {
    /** As `engine/rotation/followed.ts` gives it: of breakers nothing is known but what is on record. */
    function follower(): World {
      const w = ejectedWorld();
      const { state } = w;
      const breakers = new Map(
        [...state.breakers].map(([name, { last: _, ...known }]) => [name, { ...known, streaks: new Map() }]),
      );
      return Object.create(w, { state: { get: () => ({ ...state, breakers }) } }) as World;
    }
    const following = { kind: 'following', leader: 'kubervisor-2_x1' } as const;
    const condition = (type: string, status: 'True' | 'False', message = '', reason = 'Because') =>
      ({ type, status, reason, message }) as const;

    it('no verdict is made up, and it says whom to ask, in lines of 80 characters', async () => {
      await served([follower()], async ({ url }, admin) => {
        admin.role = following;
        admin.word = { name: 'pricer', conditions: [condition('DetectorsHealthy', 'True')] };
        const { stdout, stderr } = await runCli(['get', 'shop/pricer'], url);
        expect(stdout).toMatch(/\nshop\/pricer +Enforce +6\/6 +5 +1 +- +1\/2 +ok\n/);
        expect(stdout).toMatch(/\nerrors +Enforce +unknown +- +- +- +- +- +known to the leader\n$/);
        expect(stderr).toBe(
          'verdicts and who is held: ask the leader, with --server http://127.0.0.1:18080\n' +
            'after: kubectl -n kubervisor port-forward pod/kubervisor-2 18080\n',
        );
        for (const line of stderr.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
        const out = await runCli(['why', 'p3'], url);
        expect(out.stderr).toBe(`\n${stderr}`);
        expect(out.stdout).toMatch(/^p3 is ejected by breaker errors/);
        expect(out.stdout).toContain('\n  breaker   errors (Enforce): known to the leader\n');
        expect(out.stdout).not.toMatch(/not evaluated|no verdict|\n {2}(fleet|guard) /);
        expect((await runCli(['why', 'p1'], url)).stdout).toMatch(
          /^p1 is serving: what breakers find is known to the leader\n/,
        );
        expect((await runCli(['endpoints', 'shop/pricer'], url)).stderr).toBe(stderr);
        admin.role = { kind: 'following' };
        expect((await runCli(['get'], url)).stderr).toMatch(/known to the leader alone\n.*nobody leads\n$/);
      });
    });

    it.each([
      ['ok', []],
      ['no usable answer for errors', [condition('DetectorsHealthy', 'False', 'no usable answer for errors')]],
      [
        'not every breaker was',
        [{ ...condition('DetectorsHealthy', 'True', 'not every breaker was'), status: 'Unknown' }],
      ],
      ['anomalous, and kept in', [condition('BudgetExhausted', 'True', 'anomalous, and kept in')]],
      ['policy quotes is invalid', [condition('Accepted', 'False', 'KV0101 no', 'Invalid')]],
      ['no leader has looked at it yet', undefined],
    ] as const)('the status is what the leader wrote: %s', async (status, conditions) => {
      await served([follower()], async ({ url }, admin) => {
        admin.role = following;
        const fine = [condition('Accepted', 'True'), condition('BudgetExhausted', 'False')];
        admin.word = { name: 'quotes', conditions: conditions === undefined ? [] : [...conditions, ...fine] };
        const { stdout } = await runCli(['get'], url);
        expect(stdout.trimEnd().split(/ {2,}/).at(-1)).toBe(status);
      });
    });
  });

  it('an invalid policy is not no policy, and why says what is wrong', async () => {
    await served([world({ policy: undefined })], async ({ url }, admin) => {
      const refused = { type: 'Accepted', status: 'False', reason: 'Invalid', message: 'KV0104 the query' } as const;
      admin.word = { name: 'badpromql', conditions: [refused] };
      expect((await runCli(['get'], url)).stdout).toMatch(/ policy badpromql is invalid\n$/);
      const { stdout } = await runCli(['why', 'p1'], url);
      expect(stdout).toMatch(/^p1 is serving: its Service has no valid policy\n/);
      expect(stdout).toMatch(/\n {2}policy +shop\/badpromql is invalid: KV0104 the query\n/);
    });
  });

  it('a policy that was suspended says by whom and why, and one that suspends itself says that', async () => {
    const w = world({ policy: policyOf({ enforcement: 'Suspended' }) });
    await served([w], async ({ url }, admin) => {
      expect((await runCli(['get'], url)).stdout).toMatch(/ Suspended .* suspended by its policy\n$/);
      expect((await runCli(['why', 'p1'], url)).stdout).toMatch(/^p1 is serving: breakers are suspended\n/);
      const suspension = { actor: 'system:serviceaccount:shop:bob', reason: 'drill: day 2', sinceMs: 0 };
      admin.word = { name: 'pricer', conditions: [], suspension };
      const { stdout, stderr } = await runCli(['get', 'shop/pricer'], url);
      expect(stdout).toMatch(/ suspended by system:serviceaccount:\S*…\n/);
      const said = 'is suspended since 1970-01-01T00:00:00.000Z by system:serviceaccount:shop:bob: drill: day 2\n';
      expect(stdout).toMatch(/\nerrors +Suspended +none .* suspended\n$/);
      expect(stderr).toBe(`the Service ${said}`);
      expect((await runCli(['why', 'p1'], url)).stdout).toContain(`this Service ${said}`);
    });
  });

  it('-w prints each change into a pipe, and nothing for evaluations that change nothing', async () => {
    const w = world();
    w.evaluate(w.all(0));
    await served([w], async ({ url }, admin) => {
      const child = startCli(['get', '-w'], url);
      const lines = linesOf(child.stdout);
      expect(await lines.take(2)).toEqual([
        expect.stringMatching(/^NAME/),
        expect.stringMatching(/^shop\/pricer .* ok$/),
      ]);
      w.evaluate(w.all(0));
      admin.changed(w.state.service);
      w.evaluations(2, w.bad('p1'));
      admin.changed(w.state.service);
      expect(await lines.take(1)).toEqual([expect.stringMatching(/^shop\/pricer +Enforce +6\/6 +5 +1 /)]);
      child.kill();
      await new Promise((resolve) => child.on('exit', resolve));
    });
  });

  it('-w -o json prints one event a line, and ends with an error when the server does', async () => {
    const admin = adminOf(world());
    const wires = await serveAdmin(admin);
    const child = startCli(['get', 'shop/pricer', '-w', '-o', 'json'], wires.url);
    const exit = new Promise((resolve) => child.on('exit', resolve));
    const errors = linesOf(child.stderr);
    const events = (await linesOf(child.stdout).take(2)).map((line) => JSON.parse(line) as object);
    expect(events).toMatchObject([{ key: 'shop/pricer', service: { name: 'pricer' } }, { current: true }]);
    await wires[Symbol.asyncDispose]();
    expect(await errors.take(1)).toEqual([expect.stringMatching(/^error KV0732 http:\S+ ended the watch/)]);
    expect(await exit).toBe(1);
  });
});

describe('endpoints', () => {
  it('prints each backend with what was measured and why, cut to 100', async () => {
    const w = world({ fleet: [...Array.from({ length: 5 }, (_, i) => backendOf(`pricer-7d9c5b6f4-9xk2${i}`))] });
    w.evaluations(2, w.bad('pricer-7d9c5b6f4-9xk21'));
    await served([w], async ({ url }) => {
      const { code, stdout } = await runCli(['endpoints', 'shop/pricer'], url);
      expect(code).toBe(0);
      const lines = stdout.trimEnd().split('\n');
      expect(lines[0]).toMatch(/^NAME +STATE +WEIGHT +VALUE +BOUND +BREAKER +RETRY +SINCE +WHY$/);
      expect(lines[1]).toMatch(/^pricer-7d9c5b6f4-9xk20 +serving +100 +0 +5 +errors +- +- +-$/);
      expect(lines[2]).toMatch(/^pricer-7d9c5b6f4-9xk21 +ejected +0 +9 +5 +errors +0\/3 +\S+ +value 9 > 5$/);
      expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(100);
    });
  });

  it('-o wide adds addresses, zones and versions', async () => {
    await served([ejectedWorld()], async ({ url }) => {
      const { stdout } = await runCli(['endpoints', 'shop/pricer', '-o', 'wide'], url);
      expect(stdout).toMatch(/^NAME +ADDRESS +ZONE +VERSION +STATE/);
      expect(stdout).toContain('10.0.0.3:8080');
    });
  });
});

describe('why', () => {
  it('prints the conclusion, then the chain, each stage named once', async () => {
    await served([ejectedWorld()], async ({ url }) => {
      const { stdout } = await runCli(['why', '10.0.0.3:8080'], url);
      const times = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;
      expect(stdout.replaceAll(times, 'TIME')).toMatchInlineSnapshot(`
        "p3 is ejected by breaker errors: value 9 > 5

          backend   p3 of shop/pricer (10.0.0.3:8080): ready
          policy    shop/pricer: Enforce
          breaker   errors (Enforce): anomalous, value 9, bound 5: value 9 > 5
                    errors: window 5s; 2 of the last 2 anomalous, it takes 2 anomalous of 3; evaluated TIME
                    errors: query to metric source default: errors
          fleet     no breaker sees the fleet as a whole moved
          guard     none holds new ejections
          budget    1 of 6 not serving, at most 2 may be by maxEjectedPercent (floor 3)
                    when it was taken out: 0 of 6 not serving, at most 2 may be by maxEjectedPercent (floor 3)
          rotation  ejected since TIME by breaker errors, 2 of 2 anomalous over 5s: value 9 > 5; retry 0, at most 3; weight 0 %
          next      probes at 5 % of its weight, not before TIME
        "
      `);
    });
  });

  it('lists the candidates where a pod stands behind several Services', async () => {
    await served([world(), named(world(), 'shop', 'canary')], async ({ url }) => {
      const ambiguous = await runCli(['why', 'p1'], url);
      expect(ambiguous.code).toBe(1);
      expect(ambiguous.stderr).toBe(
        'error KV0704 p1 is in several Services: shop/pricer, shop/canary (name one with --service NAMESPACE/SERVICE)\n',
      );
      expect((await runCli(['why', 'p1', '-s', 'shop/canary'], url)).stdout).toContain('p1 of shop/canary');
    });
  });
});

describe('manual acts', () => {
  it('say what became of the backend, and are told under the name of the user', async () => {
    await served([world()], async ({ url }, admin) => {
      const eject = await runCli(['eject', 'shop/pricer', 'p1', '--for', '15m', '--reason', 'heap dump'], url);
      expect(eject.stdout).toBe('backend/p1 ejected until 2026-01-01T00:15:00.000Z (1 more may go)\n');
      const pause = await runCli(['pause', 'pricer', 'p2', '-n', 'shop', '--for', '90', '--reason', 'look'], url);
      expect(pause.stdout).toBe('backend/p2 paused until 2026-01-01T00:01:30.000Z (no more may go)\n');
      const local = await runCli(['restore', 'shop/pricer', 'p1', '--local', '--reason', 'done'], url);
      expect(local.stdout).toMatch(/^backend\/p1 restored at this replica only; it is (ejected|paused) on record\n$/);
      const restore = await runCli(['restore', 'shop/pricer', 'p1', '--reason', 'done'], url);
      expect(restore.stdout).toBe('backend/p1 restored (serving, weight 100 %)\n');
      const ramp = await runCli(['restore', 'shop/pricer', 'p2', '--ramp', '--reason', 'done'], url);
      expect(ramp.stdout).toBe('backend/p2 is on its way back, by the ramp (probing, weight 5 %)\n');
      const actor = `cli:${userInfo().username}`;
      expect(admin.acts.map((act) => [act.verb, act.backend, act.actor, act.reason])).toEqual([
        ['eject', 'p1', actor, 'heap dump'],
        ['pause', 'p2', actor, 'look'],
        ['restore', 'p1', actor, 'done'],
        ['restore', 'p1', actor, 'done'],
        ['restore', 'p2', actor, 'done'],
      ]);
    });
  });

  it('-o json is the answer of the API, of every act', async () => {
    await served([world()], async ({ url }) => {
      const json = async (...args: readonly string[]): Promise<unknown> =>
        JSON.parse((await runCli([...args, '--reason', 'x', '-o', 'json'], url)).stdout);
      const p1 = ['shop/pricer', 'p1'] as const;
      expect(await json('pause', ...p1, '--for', '1m')).toMatchObject({ backend: { name: 'p1', state: 'paused' } });
      expect(await json('restore', ...p1)).toMatchObject({ backend: { name: 'p1', state: 'serving' } });
      expect(await json('eject', ...p1, '--for', '1m')).toMatchObject({ backend: { name: 'p1', state: 'ejected' } });
      for (const verb of ['suspend', 'resume']) {
        expect(await json(verb, 'shop/pricer')).toBeTypeOf('object');
        expect(await json(verb)).toBeTypeOf('object');
      }
    });
  });

  it('suspend and resume take one Service, or everything', async () => {
    await served([world()], async ({ url }) => {
      expect((await runCli(['suspend', 'shop/pricer', '--reason', 'x'], url)).stdout).toBe(
        'service/shop/pricer suspended\n',
      );
      expect((await runCli(['resume', 'shop/pricer', '--reason', 'x'], url)).stdout).toBe(
        'service/shop/pricer resumed\n',
      );
      expect((await runCli(['suspend', '--reason', 'x'], url)).stdout).toBe('everything suspended\n');
      expect((await runCli(['resume', '--reason', 'x'], url)).stdout).toBe('everything resumed\n');
    });
  });

  it('freeze keeps a Service as it is until unfreeze, and get says so', async () => {
    await served([world()], async ({ url }, admin) => {
      const args = ['freeze', 'shop/pricer', '--for', '30m', '--reason', 'move'];
      expect((await runCli(args, url)).stdout).toMatch(/^service\/shop\/pricer frozen until \S+Z\n$/);
      expect((await runCli(['get'], url)).stdout).toMatch(
        /shop\/pricer +Frozen .* frozen until [\d:]{8}Z by cli:\S+\n$/,
      );
      const end = ['unfreeze', 'shop/pricer', '--reason', 'moved'];
      expect((await runCli(end, url)).stdout).toBe('service/shop/pricer is not frozen any more\n');
      const again = await runCli(end, url);
      expect([again.code, again.stderr]).toEqual([
        1,
        'error KV0717 shop/pricer is not frozen (kubervisor get shows what is)\n',
      ]);
      expect(JSON.parse((await runCli([...args, '-o', 'json'], url)).stdout)).toMatchObject({
        service: { freeze: {} },
      });
      expect(admin.acts.map(({ verb, reason }) => [verb, reason])).toEqual([
        ['freeze', 'move'],
        ['unfreeze', 'moved'],
        ['unfreeze', 'moved'],
        ['freeze', 'move'],
      ]);
    });
  });

  it.each(['suspend', 'resume'])(
    '%s of everything that is not on record holds at one replica, and says so',
    async (verb) => {
      await served([ejectedWorld()], async ({ url }, admin) => {
        if (verb === 'resume') await runCli(['suspend', '--reason', 'x'], url);
        admin.storeProblem = { code: 'KV0816', severity: 'error', message: 'nobody answers' };
        const { code, stdout, stderr } = await runCli([verb, '--reason', 'x'], url);
        expect([code, stdout]).toEqual([
          1,
          `everything ${verb === 'suspend' ? 'suspended' : 'resumed'}, at this replica only\n`,
        ]);
        expect(stderr).toMatch(
          /^error KV0814 only the replica that was asked obeys: .*error KV0816 nobody answers \(ask each of the others .*\)\n$/,
        );
        if (verb === 'resume') await runCli(['suspend', '--reason', 'x'], url);
        const json = await runCli([verb, '--reason', 'x', '-o', 'json'], url);
        expect([json.code, JSON.parse(json.stdout)]).toMatchObject([1, { notStored: 'error KV0816 nobody answers' }]);
      });
    },
  );

  it('resume of everything names the Services that stay suspended by themselves', async () => {
    await served([ejectedWorld(), named(world(), 'shop', 'quotes')], async ({ url }) => {
      await runCli(['suspend', 'shop/pricer', '--reason', 'x'], url);
      await runCli(['suspend', '--reason', 'x'], url);
      expect(await runCli(['resume', '--reason', 'x'], url)).toEqual({
        code: 0,
        stdout: 'everything resumed\n',
        stderr: 'suspended by themselves, still: shop/pricer\n',
      });
    });
  });

  it.each([
    ['', ['eject', 'shop/pricer', 'p1', '--for', '15m']],
    ['  ', ['restore', 'shop/pricer', 'p1']],
    ['a\nb', ['suspend', '--kubeconfig', '/nonexistent']],
    ['x'.repeat(257), ['freeze', 'shop/pricer', '--for', '5m']],
  ])('a reason that is none is told by the name of the option, and nobody is asked: %j', async (reason, act) => {
    const { code, stderr } = await runCli([...act, '--reason', reason], 'http://127.0.0.1:1');
    expect([code, stderr]).toEqual([
      65,
      expect.stringMatching(/^error KV0701 --reason must be 1 to 256 characters.*\n$/),
    ]);
  });

  it.each([
    ['freeze', ['shop/pricer', '--for', '5m'], /KV0810 kubervisor-0 leads \(ask the leader itself, with --server/],
    ['suspend', ['shop/pricer'], /KV0810 .*\(kubervisor --context does it in the policy/],
    ['eject', ['shop/pricer', 'p1', '--for', '5m'], /KV0810 .*\(create an EndpointOverride/],
  ])('%s at a replica that follows: the way to whoever does it', async (verb, args, way) => {
    await served([world()], async ({ url }, admin) => {
      admin.refuseAll = { kind: 'refused', cause: 'not-leader', message: 'kubervisor-0 leads' };
      const { code, stderr } = await runCli([verb, ...args, '--reason', 'x'], url);
      expect([code, stderr]).toEqual([1, expect.stringMatching(way)]);
    });
  });

  it('a namespace alone suspends nothing', async () => {
    await served([world()], async ({ url }, admin) => {
      const { code, stderr } = await runCli(['suspend', '-n', 'shop', '--reason', 'x'], url);
      expect([code, stderr]).toEqual([
        64,
        expect.stringMatching(/^error KV0733 suspend takes a Service or everything/),
      ]);
      expect(admin.acts).toEqual([]);
    });
  });

  it('--force skips a guard, and the refusal says so', async () => {
    await served([world({ policy: policyOf({ budget: { maxEjectedPercent: 0 } }) })], async ({ url }) => {
      const args = ['eject', 'shop/pricer', 'p1', '--for', '15m', '--reason', 'x'];
      const refused = await runCli(args, url);
      expect([refused.code, refused.stdout]).toEqual([1, '']);
      expect(refused.stderr).toMatch(/^error KV0706 the budget is used up .*--force skips this guard\n$/);
      expect((await runCli([...args, '--force'], url)).code).toBe(0);
    });
  });
});

describe('a wrong command line is refused before anything is asked: exit 64', () => {
  it.each([
    [[], /Usage: kubervisor/],
    [['gte'], /^kubervisor: unknown command 'gte' \(Did you mean get\?\)\n$/],
    [['get', '--wide'], /unknown option '--wide'/],
    [['get', 'a', 'b'], /too many arguments/],
    [['get', '-o', 'yaml'], /Allowed choices are table, json/],
    [['get', 'a/b/c'], /^error KV0733 a\/b\/c is not NAMESPACE\/SERVICE/],
    [['get', 'pricer'], /write shop\/pricer, or pricer with -n shop/],
    [['get', 'shop/pricer', '-n', 'ops'], /not in the namespace ops/],
    [['get', '--server', 'localhost:18080'], /is not an http or https URL/],
    [['eject', 'shop/pricer', 'p1', '--reason', 'x'], /required option '--for <duration>'/],
    [['eject', 'shop/pricer', 'p1', '--for', '15m'], /required option '--reason <text>'/],
    [['eject', 'shop/pricer', 'p1', '--for', 'soon', '--reason', 'x'], /write a duration such as 15m/],
    [['freeze', 'shop/pricer', '--reason', 'x'], /required option '--for <duration>'/],
    [['freeze', 'shop/pricer', '--for', '15m'], /required option '--reason <text>'/],
    [['serve'], /required option '--config <file>'/],
    [['lint'], /required option '-f, --file/],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await runCli(args, 'http://127.0.0.1:1');
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toMatch(message);
  });
});

describe('a server that is not there, or not ours', () => {
  it('is named, with the way to start one: exit 1', async () => {
    const { code, stderr } = await runCli(['get'], 'http://127.0.0.1:1');
    expect(code).toBe(1);
    expect(stderr).toBe(
      'error KV0730 cannot reach http://127.0.0.1:1: connection refused ' +
        '(start it with kubervisor serve --config kubervisor.yaml, name another with --server, or ask a cluster: --context NAME, or kubectl kubervisor)\n',
    );
  });

  it('--server outranks the environment', async () => {
    await served([world()], async ({ url }) => {
      expect((await runCli(['get', '--server', url], 'http://127.0.0.1:1')).code).toBe(0);
    });
  });

  it.each([
    ['200', 'text/html', '<html>'],
    ['502', 'application/json', '{"error":"bad gateway"}'],
  ])('that answers %s %s is told from Kubervisor', async (status, type, body) => {
    const other = createServer((_, response) => {
      response.writeHead(Number(status), { 'content-type': type }).end(body);
    });
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await runCli(['get'], `http://127.0.0.1:${port}`);
    other.close();
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^error KV0731 .* and not as Kubervisor does/)]);
  });

  it('a Service that is not there is an error, a value out of bounds bad input', async () => {
    await served([world()], async ({ url }) => {
      expect(await runCli(['get', 'shop/none'], url)).toMatchObject({
        code: 1,
        stderr: 'error KV0702 there is no Service shop/none (kubervisor get lists the Services)\n',
      });
      const long = await runCli(['pause', 'shop/pricer', 'p1', '--for', '5h', '--reason', 'x'], url);
      expect([long.code, long.stderr]).toEqual([
        65,
        expect.stringMatching(/^error KV0701 --for must be 1s to 4h; found 5h/),
      ]);
    });
  });
});

describe('a server that has only begun', () => {
  const problem = { code: 'KV0802', severity: 'error', message: 'it may not list pods' } as const;
  it.each([[['get']], [['get', 'shop/pricer']], [['endpoints', 'shop/pricer']], [['why', 'p1']]])(
    '%j says so: that it knows nothing is no answer',
    async (args) => {
      const begun = adminOf(named(world({ fleet: [] }), 'shop', 'other'));
      await using wires = await serveAdmin(begun, { readiness: () => ({ status: 'starting', problems: [problem] }) });
      const { code, stdout, stderr } = await runCli(args, wires.url);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(
        /^error KV0839 http:\S+ has not read its inputs yet.*\nerror KV0802 it may not list pods\n$/,
      );
    },
  );
});

describe('authentication', () => {
  it('by token file', async () => {
    const tokens = await file('token', 'secret\n');
    const auth = { kind: 'bearer', file: tokens } as const;
    await using wires = await serveAdmin(adminOf(world()), { listener: { ...onLoopback, auth } });
    expect(await runCli(['get'], wires.url)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error KV0711/) });
    expect(await runCli(['get', '--token-file', tokens], wires.url)).toMatchObject({ code: 0 });
    const missing = await runCli(['get', '--token-file', join(folder, 'none')], wires.url);
    expect([missing.code, missing.stderr]).toEqual([65, expect.stringMatching(/none: error KV0734 cannot be read/)]);
  });

  it('by client certificate', async () => {
    const authority = createAuthority();
    const [server, client] = [authority.issue('kubervisor'), authority.issue('ana')];
    const caFile = await file('ca.pem', authority.cert);
    const auth = {
      kind: 'mtls',
      caFile,
      certFile: await file('server.pem', server.cert),
      keyFile: await file('server.key', server.key),
    } as const;
    const ours = [
      '--cert-file',
      await file('client.pem', client.cert),
      '--key-file',
      await file('client.key', client.key),
    ];
    const admin = adminOf(world());
    await using wires = await serveAdmin(admin, { listener: { ...onLoopback, auth } });
    const act = ['suspend', 'shop/pricer', '--reason', 'x', '--ca-file', caFile];
    expect((await runCli(act, wires.url)).stderr).toMatch(/^error KV0711 a client certificate is required/);
    expect((await runCli([...act, ...ours], wires.url)).code).toBe(0);
    expect(admin.acts.map(({ actor }) => actor)).toEqual(['ana']);
  });
});

describe('help', () => {
  it.each(commands.map(({ name }) => name))('%s --help has an example of it', async (name) => {
    const { code, stdout, stderr } = await runCli([name, '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^Usage: kubervisor ${name}`));
    expect(stdout).toMatch(new RegExp(`Example:\\n +.*(kubervisor|npm run) ${name}`));
  });

  it('help COMMAND is COMMAND --help', async () => {
    expect((await runCli(['help', 'why'])).stdout).toBe((await runCli(['why', '--help'])).stdout);
  });
});

describe('version and completion', () => {
  it('version as text and as JSON', async () => {
    expect((await runCli(['version'])).stdout).toMatch(/^kubervisor \d+\.\d+\.\d+ \(Node v/);
    expect(JSON.parse((await runCli(['version', '-o', 'json'])).stdout)).toMatchObject({ name: 'kubervisor' });
    expect((await runCli(['--version'])).stdout).toBe((await runCli(['version'])).stdout);
  });

  it.each(['bash', 'zsh', 'fish'])('completion for %s knows every command and its options', async (shell) => {
    const { stdout } = await runCli(['completion', shell]);
    for (const { name } of commands) expect(stdout).toContain(name);
    expect(stdout).toMatch(shell === 'fish' ? / -l force/ : / --force/);
  });
});

function linesOf(stream: NodeJS.ReadableStream | null): { take(count: number): Promise<readonly string[]> } {
  const pieces = stream?.setEncoding('utf8')[Symbol.asyncIterator]();
  let text = '';
  return {
    async take(count) {
      while (text.split('\n').length <= count) {
        const piece = await pieces?.next();
        if (piece === undefined || piece.done === true)
          throw new Error(`the output ended after ${JSON.stringify(text)}`);
        text += String(piece.value);
      }
      const lines = text.split('\n');
      text = lines.slice(count).join('\n');
      return lines.slice(0, count);
    },
  };
}
