/** The rights of a replica stand in three places, which agree both ways: the chart grants, the page lists, `check` verifies. */
import { expect, it } from 'vitest';
import { isNeeded, type ReplicaOption, replicaGrants } from '../../cli/check/grants.ts';
import { type Manifest, manifestsOf } from '../support/chart.ts';
import { pageTable } from '../support/page-table.ts';
import { describeWith } from '../support/parts.ts';

const least = { image: { repository: 'registry.example/kubervisor' }, xds: { insecure: true } };
const lease = 'kubervisor';

interface Scoped {
  readonly where: 'services' | 'own';
  readonly group: string;
  readonly resource: string;
  readonly name: string;
  readonly verbs: readonly string[];
}

/** One line a verb, so that it does not matter how they are put together. */
function lines(rights: readonly Scoped[]): readonly string[] {
  const all = rights.flatMap(({ where, group, resource, name, verbs }) =>
    verbs.map((verb) => `${where}: ${verb} ${group}/${resource} ${name}`),
  );
  return [...new Set(all)].toSorted();
}

function ofCheck(options: ReadonlySet<ReplicaOption>): readonly string[] {
  const needed = replicaGrants(lease).filter((grant) => isNeeded(grant, options));
  return lines(needed.map(({ isOwn, name = '', ...grant }) => ({ ...grant, name, where: isOwn ? 'own' : 'services' })));
}

function ofRole(role: Manifest, where: Scoped['where']): readonly Scoped[] {
  const rules: readonly Record<string, string[]>[] = role['rules'];
  return rules.flatMap(({ apiGroups = [], resources = [], verbs = [], resourceNames = [''] }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) => resourceNames.map((name) => ({ where, group, resource, name, verbs }))),
    ),
  );
}

const list = (text = ''): readonly string[] => (text === '' ? [] : text.split(', '));

/** Rows of the page that hold with these options. */
function ofPage(options: ReadonlySet<string>): readonly string[] {
  const rows = pageTable('docs/kubernetes.md', 'Rights');
  const needed = rows.filter(({ option }) => option === '' || list(option).some((each) => options.has(each)));
  return lines(
    needed.map(({ resource: cell = '', where, verbs }) => {
      const [what = '', name = ''] = cell.split(', ');
      const [resource = '', group = ''] = what.split(' of ');
      if (where !== 'services' && where !== 'own') throw new Error(`${cell}: where is ${where}?`);
      return { where, group, resource, name, verbs: list(verbs) };
    }),
  );
}

describeWith(['helm'], 'the rights of a replica', ({ helm }) => {
  async function ofChart(options: ReadonlySet<ReplicaOption>): Promise<readonly string[]> {
    const pods = {
      evict: options.has('evict'),
      label: options.has('label'),
      deletionCost: options.has('deletionCost'),
    };
    const objects = await manifestsOf(helm, { ...least, pods, workloads: options.has('workloads') });
    const only = (kind: string, name: string): Manifest => {
      const [role, ...others] = objects.filter((object) => object.kind === kind && object.metadata.name === name);
      if (role === undefined || others.length > 0) throw new Error(`${others.length} more ${kind} ${name}`);
      return role;
    };
    const own = only('Role', 'kubervisor-replicas');
    expect(own.metadata.namespace).toBe('mesh');
    return lines([...ofRole(only('ClusterRole', 'kubervisor'), 'services'), ...ofRole(own, 'own')]);
  }

  it.each<[title: string, options: readonly ReplicaOption[]]>([
    ['as they are by default', ['workloads']],
    ['without workloads', []],
    ['with evict', ['workloads', 'evict']],
    ['with label', ['workloads', 'label']],
    ['with deletionCost', ['workloads', 'deletionCost']],
    ['with everything', ['workloads', 'evict', 'label', 'deletionCost']],
  ])('%s', async (_, given) => {
    const options = new Set(given);
    const granted = await ofChart(options);
    expect(ofCheck(options)).toEqual(granted);
    expect(ofPage(options)).toEqual(granted);
  });
});
