/** Rights: what installing takes, what the controller must have and what it must not. */
import { stateMapName } from '../../engine/kubernetes/paths.ts';
import { type Fields, fieldsOf } from '../../engine/is-record.ts';
import type { Check, World } from './world.ts';
import { failed, type Finding, ok, warning } from './world.ts';

interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  /** In the namespace of the controller; else in all that are looked at. */
  readonly isOwn?: true;
  /** On the one that is called so, since no other is needed. */
  readonly name?: string;
}

const ours = 'breaker.kubervisor.io';

function rights(verbs: string, group: string, resource: string, isOwn?: true, only?: string): readonly Right[] {
  const [name = '', subresource] = resource.split('/');
  return verbs.split(' ').map((verb) => ({
    verb,
    group,
    resource: name,
    ...(subresource === undefined ? {} : { subresource }),
    ...(isOwn === undefined ? {} : { isOwn }),
    ...(only === undefined ? {} : { name: only }),
  }));
}

const toInstall: readonly Right[] = [
  ...rights('create', 'apiextensions.k8s.io', 'customresourcedefinitions'),
  ...rights('create', 'rbac.authorization.k8s.io', 'clusterroles'),
  ...rights('create', 'rbac.authorization.k8s.io', 'clusterrolebindings'),
  ...rights('create', 'rbac.authorization.k8s.io', 'roles', true),
  ...rights('create', 'rbac.authorization.k8s.io', 'rolebindings', true),
  ...rights('create', 'apps', 'deployments', true),
  ...rights('create', '', 'serviceaccounts', true),
  ...rights('create', '', 'services', true),
  ...rights('create', '', 'configmaps', true),
  ...rights('create', 'policy', 'poddisruptionbudgets', true),
];

/** Without one of these it reads nothing, decides nothing, or tells nobody. */
const needed = (lease: string): readonly Right[] => [
  ...rights('list watch', '', 'services'),
  ...rights('list watch', '', 'pods'),
  ...rights('list watch', 'discovery.k8s.io', 'endpointslices'),
  ...rights('list watch', ours, 'kubervisorservices'),
  ...rights('patch', ours, 'kubervisorservices/status'),
  ...rights('list watch delete', ours, 'endpointoverrides'),
  ...rights('patch', ours, 'endpointoverrides/status'),
  ...rights('create', 'coordination.k8s.io', 'leases', true),
  ...rights('get patch', 'coordination.k8s.io', 'leases', true, lease),
  ...rights('create', '', 'configmaps', true),
  ...rights('get list watch patch', '', 'configmaps', true, stateMapName(lease)),
];

/** Nothing it does takes one of these; whoever has its token would. */
const tooMuch: readonly Right[] = [
  ...rights('get list', '', 'secrets'),
  ...rights('create delete', '', 'pods'),
  ...rights('create', '', 'pods/exec'),
  ...rights('update patch', 'apps', 'deployments'),
  ...rights('create', 'rbac.authorization.k8s.io', 'clusterrolebindings'),
  ...rights('*', '*', '*'),
];

export const installRightsCheck: Check = {
  id: 'install-rights',
  about: 'what you may do',
  async run(world) {
    const missing = await refused(world, toInstall, 'selfsubjectaccessreviews', {});
    if (missing.length === 0) return [ok('you may install it')];
    const hint = 'somebody who may has to install it, or to give you these: kubectl auth can-i --list';
    return missing.map((right) => failed(`you may not ${describe(right, world)}`, hint));
  },
};

export const controllerRightsCheck: Check = {
  id: 'controller-rights',
  about: 'what the controller may do',
  async run(world) {
    const account = await accountOf(world);
    const { controllerNamespace } = world;
    const who = {
      user: `system:serviceaccount:${controllerNamespace}:${account}`,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${controllerNamespace}`, 'system:authenticated'],
    };
    const name = `the ServiceAccount ${controllerNamespace}/${account}`;
    const missing = await refused(world, needed(world.lease), 'subjectaccessreviews', who);
    const denied = new Set(await refused(world, tooMuch, 'subjectaccessreviews', who));
    const excess = tooMuch.filter((right) => !denied.has(right));
    const findings: readonly Finding[] = [
      ...missing.map((right) =>
        failed(`${name} may not ${describe(right, world)}`, 'apply the roles of the chart of this version'),
      ),
      ...excess.map((right) =>
        warning(`${name} may ${describe(right, world)}, which it never needs`, 'take it from its roles'),
      ),
    ];
    return findings.length > 0 ? findings : [ok(`${name} may do what it needs, and nothing that it must not`)];
  },
};

/** As its Deployment says it; without one as the chart calls it. */
async function accountOf(world: World): Promise<string> {
  const deployments = await world.list(
    `/apis/apps/v1/namespaces/${world.controllerNamespace}/deployments`,
    'app.kubernetes.io/name=kubervisor',
  );
  const { serviceAccountName } = fieldsOf(deployments[0], 'spec', 'template', 'spec');
  return typeof serviceAccountName === 'string' ? serviceAccountName : 'kubervisor';
}

async function refused(world: World, asked: readonly Right[], review: string, who: Fields): Promise<readonly Right[]> {
  const kind = review === 'subjectaccessreviews' ? 'SubjectAccessReview' : 'SelfSubjectAccessReview';
  const answers = await Promise.all(
    asked.map(async ({ isOwn, ...right }) => {
      const namespace = isOwn === true ? world.controllerNamespace : (world.namespace ?? '');
      const { status } = await world.review(`/apis/authorization.k8s.io/v1/${review}`, {
        apiVersion: 'authorization.k8s.io/v1',
        kind,
        spec: { ...(who as Readonly<Record<string, string>>), resourceAttributes: { ...right, namespace } },
      });
      return fieldsOf(status)['allowed'] === true;
    }),
  );
  return asked.filter((_, index) => answers[index] !== true);
}

function describe({ verb, group, resource, subresource, isOwn, name }: Right, world: World): string {
  const what = `${resource}${subresource === undefined ? '' : `/${subresource}`}${name === undefined ? '' : ` ${name}`}`;
  const where = isOwn === true ? world.controllerNamespace : world.namespace;
  return `${verb} ${what}${group === '' || group === '*' ? '' : ` of ${group}`}${where === undefined ? '' : ` in ${where}`}`;
}
