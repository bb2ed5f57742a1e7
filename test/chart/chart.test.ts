/** The chart by itself: what it renders, grants and refuses. What an API server says to it is in test/cluster/chart.test.ts. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { chartLabel } from '../../cli/check/world.ts';
import { parseConfig } from '../../engine/config.ts';
import { chartFolder, helm, type Manifest, manifestsOf, render } from '../support/chart.ts';
import { describeWith } from '../support/parts.ts';

const examples = globSync('ci/*-values.yaml', { cwd: chartFolder }).sort();
const least = { image: { repository: 'registry.example/kubervisor' }, xds: { insecure: true } };
const release = { name: 'kubervisor', namespace: 'mesh' };

function namesOf(objects: readonly Manifest[]): readonly string[] {
  return objects.map(({ metadata }) => String(metadata.name)).toSorted();
}

/** Rules of a role, `group/resource: verbs`, sorted; a name where it is bound to one. */
function rulesOf(role: Manifest | undefined): readonly string[] {
  const rules: readonly Record<string, string[]>[] = role?.['rules'] ?? [];
  return rules
    .flatMap(({ apiGroups = [], resources = [], verbs = [], resourceNames }) =>
      resources.map((resource) => {
        const name = resourceNames === undefined ? '' : ` ${resourceNames.join(',')}`;
        return `${apiGroups.join(',')}/${resource}${name}: ${verbs.join(' ')}`;
      }),
    )
    .toSorted();
}

describeWith(['helm'], 'the chart', ({ helm: executable }) => {
  const find = (objects: readonly Manifest[], kind: string, name: string): Manifest | undefined =>
    objects.find((object) => object.kind === kind && object.metadata.name === name);
  const only = <T>(list: readonly T[]): T => {
    if (list.length !== 1) throw new Error(`${list.length} of them`);
    return list[0] as T;
  };
  const deploymentOf = (objects: readonly Manifest[]): Manifest =>
    only(objects.filter(({ kind }) => kind === 'Deployment'));

  describe.each(examples)('with %s', (file) => {
    const values = join(chartFolder, file);

    it('lints without a warning', async () => {
      const { ok, output } = await helm(executable, ['lint', '--strict', chartFolder, '--values', values]);
      expect([ok, output]).toEqual([true, expect.stringContaining('0 chart(s) failed')]);
    });

    it('gives a serving config that serve takes, without a warning that is not asked for', async () => {
      const config = only((await manifestsOf(executable, values)).filter(({ kind }) => kind === 'ConfigMap'));
      const parsed = parseConfig(config['data']['kubervisor.yaml'], '/etc/kubervisor/config/kubervisor.yaml');
      expect(parsed.source.kind).toBe('kubernetes');
      expect(parsed.replicas).toMatchObject({ namespace: 'mesh', lease: 'kubervisor' });
      expect(parsed.telemetry).toEqual({ host: '0.0.0.0', port: 18_082 });
      const isExposed = parsed.http.address.host !== '127.0.0.1';
      expect(isExposed).toBe(parsed.http.auth !== undefined);
    });

    it('runs every container restricted', async () => {
      const podSpecs = (await manifestsOf(executable, values)).flatMap(
        (object) => object['spec']?.template?.spec ?? [],
      );
      expect(podSpecs).toHaveLength(2);
      for (const { securityContext, containers, ...pod } of podSpecs) {
        expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
        expect(pod.hostNetwork ?? pod.hostPID ?? pod.hostIPC).toBeUndefined();
        for (const container of containers) {
          expect(container.securityContext).toEqual({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          });
          expect(container.resources.limits.memory).toBeTypeOf('string');
        }
      }
    });

    it('grants nothing by a wildcard, no Secrets, no nodes, and writes nothing of others but pods and status', async () => {
      const roles = (await manifestsOf(executable, values)).filter(
        ({ kind }) => kind === 'Role' || kind === 'ClusterRole',
      );
      const rules = roles
        .filter(({ metadata }) => !/-(view|edit)$/.test(metadata.name))
        .flatMap((role) => rulesOf(role));
      expect(rules.length).toBeGreaterThan(10);
      for (const rule of rules) expect(rule).not.toMatch(/\*|secrets|nodes|impersonate|escalate|bind/);
      const writing = rules.filter((rule) => /: .*(create|update|patch|delete)/.test(rule));
      for (const rule of writing) {
        expect(rule).toMatch(
          /\/status:|^\/pods|pods\/eviction|events:|subjectaccessreviews: create|endpointoverrides: |leases|configmaps|deployments\/scale kubervisor:/,
        );
      }
    });
  });

  it('grants a replica the same in each namespace that is named, and nothing elsewhere but in its own', async () => {
    const everywhere = find(await manifestsOf(executable, least), 'ClusterRole', 'kubervisor');
    const objects = await manifestsOf(executable, {
      ...least,
      namespaces: ['shop', 'pay'],
      rbac: { aggregate: false },
    });
    expect(objects.filter(({ kind }) => kind.startsWith('ClusterRole'))).toEqual([]);
    const roles = objects.filter(({ kind, metadata }) => kind === 'Role' && metadata.name === 'kubervisor');
    expect(roles.map(({ metadata }) => metadata.namespace)).toEqual(['shop', 'pay']);
    for (const role of roles) expect(rulesOf(role)).toEqual(rulesOf(everywhere));
    const bindings = objects.filter(({ kind, metadata }) => kind === 'RoleBinding' && metadata.name === 'kubervisor');
    expect(bindings.map(({ metadata }) => metadata.namespace)).toEqual(['shop', 'pay']);
    for (const { subjects } of bindings)
      expect(subjects).toEqual([{ kind: 'ServiceAccount', name: 'kubervisor', namespace: 'mesh' }]);
  });

  describe('what it runs', () => {
    it('two replicas, spread, with a budget of their own; one replica never keeps a node from being drained', async () => {
      const objects = await manifestsOf(executable, least);
      const { replicas, template } = deploymentOf(objects)['spec'];
      expect(replicas).toBe(2);
      for (const { labelSelector } of template.spec.topologySpreadConstraints)
        expect(template.metadata.labels).toMatchObject(labelSelector.matchLabels);
      const budget = only(objects.filter(({ kind }) => kind === 'PodDisruptionBudget'));
      expect(template.metadata.labels).toMatchObject(budget['spec'].selector.matchLabels);
      const alone = await manifestsOf(executable, { ...least, replicas: 1 });
      expect(alone.filter(({ kind }) => kind === 'PodDisruptionBudget')).toEqual([]);
    });

    it('check finds them, and who they are, whatever they are called', async () => {
      const [labelled = '', value] = chartLabel.split('=');
      for (const values of [least, { ...least, nameOverride: 'breaker' }, { ...least, fullnameOverride: 'breaker' }]) {
        const objects = await manifestsOf(executable, values, { name: 'two', namespace: 'mesh' });
        const { metadata } = deploymentOf(objects);
        expect(metadata.labels[labelled]).toBe(value);
        expect(find(objects, 'Service', metadata.name)?.metadata.labels[labelled]).toBe(value);
        const pod = only(objects.filter(({ kind }) => kind === 'Pod'));
        expect(pod['spec'].containers[0].args).toContain(`--lease=${metadata.name}`);
      }
    });

    it('a changed config is a rollout, and nothing else is', async () => {
      const sum = async (values: object): Promise<unknown> =>
        deploymentOf(await manifestsOf(executable, { ...least, ...values }))['spec'].template.metadata.annotations[
          'checksum/config'
        ];
      expect(await sum({ log: { level: 'debug' } })).not.toBe(await sum({}));
      expect(await sum({ podDisruptionBudget: { enabled: false } })).toBe(await sum({}));
    });

    it('every Service selects the replicas, and its ports are theirs', async () => {
      for (const values of [least, { ...least, admin: { auth: { mtlsSecretName: 'admin' } } }]) {
        const objects = await manifestsOf(executable, values);
        const { metadata, spec } = deploymentOf(objects)['spec'].template;
        const ports = spec.containers[0].ports.map(({ name }: { name: string }) => name);
        const services = objects.filter(({ kind }) => kind === 'Service');
        expect(namesOf(services)).toEqual(
          values === least
            ? ['kubervisor', 'kubervisor-telemetry']
            : ['kubervisor', 'kubervisor-admin', 'kubervisor-telemetry'],
        );
        for (const service of services) {
          expect(metadata.labels).toMatchObject(service['spec'].selector);
          for (const { targetPort } of service['spec'].ports) expect(ports).toContain(targetPort);
        }
      }
    });

    it('the clean-up is told where the replicas are, and what they look at', async () => {
      const job = (values: object) =>
        manifestsOf(executable, { ...least, ...values }, { name: 'kv', namespace: 'mesh' }).then((objects) =>
          only(objects.filter(({ kind }) => kind === 'Job')),
        );
      const place = ['--stop=kv-kubervisor', '--controller-namespace=mesh', '--lease=kv-kubervisor'];
      const everywhere = (await job({}))['spec'].template.spec.containers[0].args;
      expect(everywhere).toEqual(['cleanup', '--all-namespaces', ...place]);
      const somewhere = (await job({ namespaces: ['shop', 'pay'] }))['spec'].template.spec.containers[0].args;
      expect(somewhere).toEqual(['cleanup', '--namespace=shop', '--namespace=pay', ...place]);
    });

    it('a NetworkPolicy lets in to the ports there are, and out to what is needed', async () => {
      const values = { ...least, networkPolicy: { enabled: true, apiServer: { cidrs: ['10.0.0.1/32'] } } };
      const policy = only((await manifestsOf(executable, values)).filter(({ kind }) => kind === 'NetworkPolicy'));
      expect(policy['spec']).toMatchObject({
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ ports: [{ port: 'xds' }] }, { ports: [{ port: 'telemetry' }] }],
        egress: [
          { ports: [{ port: 53 }, { port: 53 }] },
          { ports: [{ port: 443 }, { port: 6443 }], to: [{ ipBlock: { cidr: '10.0.0.1/32' } }] },
          { ports: [{ port: 9090 }] },
        ],
      });
    });

    it('the CRDs are those of manifests/crds, every one of them, and stay unless told otherwise', async () => {
      const folder = join(chartFolder, '../crds');
      const wanted = globSync('*.yaml', { cwd: folder }).map((file) => parse(readFileSync(join(folder, file), 'utf8')));
      for (const keep of [true, false]) {
        const objects = await manifestsOf(executable, { ...least, crds: { keep } });
        const crds = objects.filter(({ kind }) => kind === 'CustomResourceDefinition');
        expect(namesOf(crds)).toEqual(namesOf(wanted));
        for (const { metadata, spec } of crds) {
          expect(spec).toEqual(wanted.find((crd) => crd.metadata.name === metadata.name)?.spec);
          expect(metadata.annotations).toEqual(keep ? { 'helm.sh/resource-policy': 'keep' } : undefined);
        }
      }
    });
  });

  it('without rbac.create makes no role and no binding of any kind', async () => {
    const objects = await manifestsOf(executable, { ...least, rbac: { create: false } });
    expect(objects.filter(({ apiVersion }) => apiVersion.startsWith('rbac.')).map(({ kind }) => kind)).toEqual([]);
    expect(objects.map(({ kind }) => kind)).toContain('Job');
  });

  it('names that look like numbers stay texts', async () => {
    const numbers = {
      ...least,
      crds: { enabled: false },
      nameOverride: '1',
      fullnameOverride: 'kv',
      namespaces: ['2'],
      secrets: ['3'],
      imagePullSecrets: ['4'],
      admin: { auth: { bearerSecretName: '5' } },
      xds: { tls: { secretName: '6', clientCa: { secretName: '7' } } },
      serviceAccount: { name: '8' },
      priorityClassName: '9',
      serviceMonitor: { enabled: true },
      networkPolicy: { enabled: true },
    };
    const objects = await manifestsOf(executable, numbers, { name: '10', namespace: '11' });
    const wrong: string[] = [];
    const walk = (node: unknown, path: string): void => {
      if (typeof node !== 'object' || node === null) return;
      for (const [key, value] of Object.entries(node)) {
        const isName = /^(name|namespace|secretName|serviceAccountName|priorityClassName)$|^app\.kubernetes\.io/.test(
          key,
        );
        if (isName && typeof value !== 'string') wrong.push(`${path}/${key}`);
        walk(value, `${path}/${key}`);
      }
    };
    for (const object of objects) walk(object, `${object.kind} ${String(object.metadata.name)}`);
    expect(wrong).toEqual([]);
    const seen = new Set([...JSON.stringify(objects).matchAll(/"(\d+)"/g)].map(([, number]) => Number(number)));
    expect(Array.from({ length: 11 }, (_, n) => n + 1).filter((n) => !seen.has(n))).toEqual([]);
  });

  it('takes the values and the flags that the pages show', async () => {
    const page = (path: string): string => readFileSync(join(chartFolder, '../..', path), 'utf8');
    const [, text = ''] = /```yaml\n# values\.yaml\n([^]*?)```/.exec(page('docs/install.md')) ?? [];
    expect((await manifestsOf(executable, parse(text))).map(({ kind }) => kind)).toContain('Certificate');
    const flags = [...page('README.md').matchAll(/--set (\S+)/g)].flatMap(([, value = '']) => ['--set', value]);
    const { ok, output } = await helm(executable, ['template', 'kubervisor', chartFolder, ...flags]);
    expect([flags.length, ok, output]).toEqual([6, true, expect.stringContaining('kind: Deployment')]);
  });

  describe('values that are wrong are refused, with what is wrong', () => {
    it.each([
      ['an unknown one', { replica: 3 }, /additional properties 'replica' not allowed/],
      [
        'an unknown one inside',
        { xds: { insecure: true, tsl: {} } },
        /'\/xds': additional properties 'tsl' not allowed/,
      ],
      ['a wrong type', { replicas: 'two' }, /'\/replicas': got string, want integer/],
      ['out of bounds', { replicas: 0 }, /'\/replicas': minimum: got 0, want 1/],
      ['out of a list', { log: { level: 'loud' } }, /'\/log\/level': value must be one of/],
      ['a duration that is none', { timing: { maxOut: 'soon' } }, /'\/timing\/maxOut'/],
      [
        'a key of a metric source',
        { metricSources: { default: { prometheus: { url: 'http://p:9090', user: 'me' } } } },
        /'\/metricSources\/default\/prometheus': additional properties 'user' not allowed/,
      ],
      ['a name of a metric source', { metricSources: { Default: {} } }, /'Default' not allowed/],
      ['no image', { image: { repository: '' } }, /image.repository is needed: no image is published/],
      [
        'no word about how Envoys connect',
        { xds: { insecure: false } },
        /xds needs exactly one of tls.secretName, tls.certManager/,
      ],
      ['two', { xds: { insecure: true, tls: { secretName: 'a' } } }, /xds needs exactly one of/],
      [
        'cert-manager without an issuer',
        { xds: { insecure: false, tls: { certManager: { enabled: true } } } },
        /xds.tls.certManager.issuerRef.name is needed/,
      ],
      [
        'client certificates in plain text',
        { xds: { insecure: true, tls: { clientCa: { secretName: 'ca' } } } },
        /xds.tls.clientCa needs xds.tls.secretName or xds.tls.certManager/,
      ],
      ['two ways in', { admin: { auth: { bearerSecretName: 'a', mtlsSecretName: 'b' } } }, /not both/],
      ['no account', { serviceAccount: { create: false } }, /serviceAccount.name is needed/],
      ['a namespace twice', { namespaces: ['shop', 'shop'] }, /'\/namespaces': items at 0 and 1 are equal/],
      ['a Secret twice', { secrets: ['a', 'a'] }, /'\/secrets': items at 0 and 1 are equal/],
      ['two on one port', { admin: { grpcPort: 18_000 } }, /admin.grpcPort and xds.port are both 18000/],
      [
        'a budget that never lets a node be drained',
        { replicas: 3, podDisruptionBudget: { minAvailable: 3 } },
        /podDisruptionBudget.minAvailable must be less than replicas/,
      ],
      ['too little time to hand over', { terminationGracePeriodSeconds: 29 }, /minimum: got 29, want 30/],
      [
        'a label of the chart for pods',
        { podLabels: { 'app.kubernetes.io/name': 'mine' } },
        /podLabels: app.kubernetes.io\/name is set by the chart itself/,
      ],
      [
        'an annotation of the chart for pods',
        { podAnnotations: { 'checksum/config': 'mine' } },
        /podAnnotations: checksum\/config is set by the chart itself/,
      ],
      [
        'a label of the chart for the ServiceMonitor',
        { serviceMonitor: { labels: { 'helm.sh/chart': 'mine' } } },
        /serviceMonitor.labels: helm.sh\/chart is set by the chart itself/,
      ],
      ['a name that no Service can have', { fullnameOverride: '1st' }, /no Service can be called 1st/],
    ])('%s', async (_, values, message) => {
      const { ok, output } = await render(executable, { ...least, ...values }, release);
      expect([ok, output]).toEqual([false, expect.stringMatching(message)]);
    });

    it('the schema knows each default, and nothing that has none but lists and maps', () => {
      const schema = JSON.parse(readFileSync(join(chartFolder, 'values.schema.json'), 'utf8')) as Manifest;
      const defaults = parse(readFileSync(join(chartFolder, 'values.yaml'), 'utf8')) as Manifest;
      const known = Object.keys(schema['properties']).filter((name) => name !== 'global');
      expect(known.toSorted()).toEqual(Object.keys(defaults).toSorted());
    });

    it('nothing in the schema takes what it does not name', () => {
      const schema = JSON.parse(readFileSync(join(chartFolder, 'values.schema.json'), 'utf8')) as unknown;
      const open: string[] = [];
      const walk = (node: unknown, path: string): void => {
        if (typeof node !== 'object' || node === null) return;
        if ('type' in node && node.type === 'object' && !('additionalProperties' in node)) open.push(path);
        for (const [key, value] of Object.entries(node)) walk(value, `${path}/${key}`);
      };
      walk(schema, '');
      expect(open).toEqual(['/properties/global']);
    });
  });
});
