/** Rights: what installing takes, what the controller must have and what it must not. */
import { type Fields, fieldsOf } from '../../engine/is-record.ts';
import { KubeError } from '../../engine/kubernetes/kube-client.ts';
import { accountOf, deployedScope, type Scope } from './deployed.ts';
import { type Grant, isNeeded, replicaGrants } from './grants.ts';
import type { Check, World } from './world.ts';
import { failed, type Finding, ok, warning } from './world.ts';

interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  /** On the one that is called so, since no other is needed. */
  readonly name?: string;
}

/** A right in one namespace, or, with an empty name, in all of them. */
interface Question {
  readonly right: Right;
  readonly namespace: string;
  readonly grant: Grant;
}

function own(verbs: string, group: string, resource: string): Grant {
  return { verbs: verbs.split(' '), group, resource, isOwn: true };
}

function anywhere(verbs: string, group: string, resource: string): Grant {
  return { verbs: verbs.split(' '), group, resource };
}

const toInstall: readonly Grant[] = [
  anywhere('create', 'apiextensions.k8s.io', 'customresourcedefinitions'),
  anywhere('create', 'rbac.authorization.k8s.io', 'clusterroles'),
  anywhere('create', 'rbac.authorization.k8s.io', 'clusterrolebindings'),
  own('create', 'rbac.authorization.k8s.io', 'roles'),
  own('create', 'rbac.authorization.k8s.io', 'rolebindings'),
  own('create', 'apps', 'deployments'),
  own('create', '', 'serviceaccounts'),
  own('create', '', 'services'),
  own('create', '', 'configmaps'),
  own('create', 'policy', 'poddisruptionbudgets'),
];

/** Nothing it does takes one of these; whoever has its token would. */
const tooMuch: readonly Grant[] = [
  anywhere('get list', '', 'secrets'),
  anywhere('create delete', '', 'pods'),
  anywhere('create', '', 'pods/exec'),
  anywhere('update patch', 'apps', 'deployments'),
  anywhere('create', 'rbac.authorization.k8s.io', 'clusterrolebindings'),
  anywhere('*', '*', '*'),
];

/** As a serving config says it that says nothing of it. */
const byDefault: Scope = { namespaces: [], options: new Set(['workloads']) };

export const installRightsCheck: Check = {
  id: 'install-rights',
  about: 'what you may do',
  async run(world) {
    const asked = questions(toInstall, world, byDefault);
    const { refused } = await answered(world, asked, 'SelfSubjectAccessReview', {});
    if (refused.length === 0) return [ok('you may install it')];
    const hint = 'somebody who may has to install it, or to give you these: kubectl auth can-i --list';
    return refused.map((question) => failed(`you may not ${describe(question)}`, hint));
  },
};

export const controllerRightsCheck: Check = {
  id: 'controller-rights',
  about: 'what the controller may do',
  async run(world) {
    const { controllerNamespace, lease, namespace } = world;
    const account = await accountOf(world);
    const deployed = await deployedScope(world);
    const scope = deployed.kind === 'known' ? deployed.scope : byDefault;
    const { namespaces } = scope;
    if (namespace !== undefined && namespaces.length > 0 && !namespaces.includes(namespace)) {
      const message = `the replicas do not look at ${namespace}: their serving config names ${namespaces.join(', ')}`;
      return [warning(message, 'add it to namespaces, of the chart or of source.kubernetes')];
    }
    const who = {
      user: `system:serviceaccount:${controllerNamespace}:${account}`,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${controllerNamespace}`, 'system:authenticated'],
    };
    const name = `the ServiceAccount ${controllerNamespace}/${account}`;
    const ask = (grants: readonly Grant[]) =>
      answered(world, questions(grants, world, scope), 'SubjectAccessReview', who);

    const needed = Map.groupBy(replicaGrants(lease), (grant) => isNeeded(grant, scope.options));
    const { refused: missing, allowed } = await ask(needed.get(true) ?? []);
    // One cause, and not a line for each right.
    if (allowed.length === 0) return [await nothingAllowed(world, account, name)];
    // What is switched off is known only where the config is; to read is no danger.
    const switchedOff = deployed.kind === 'known' ? (needed.get(false) ?? []).filter(isWriting) : [];
    const { allowed: excess } = await ask([...tooMuch, ...switchedOff]);
    const findings: readonly Finding[] = [
      ...(deployed.kind === 'unseen'
        ? [warning(`cannot see which options are switched on: ${deployed.why}`, deployed.hint)]
        : []),
      ...missing.map((question) => {
        const hint = 'apply the roles of the chart of this version';
        const tell = question.grant.isDispensable === true ? warning : failed;
        return tell(`${name} may not ${describe(question)}`, hint);
      }),
      ...excess.map((question) =>
        warning(`${name} may ${describe(question)}, which it ${needOf(question.grant)}`, 'take it from its roles'),
      ),
    ];
    return findings.length > 0 ? findings : [ok(`${name} may do what it needs, and nothing that it must not`)];
  },
};

async function nothingAllowed(world: World, account: string, name: string): Promise<Finding> {
  const hint = 'install the chart; --controller-namespace, where it is elsewhere';
  try {
    await world.get(`/api/v1/namespaces/${world.controllerNamespace}/serviceaccounts/${account}`);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    if (error.status === 404) return failed(`there is no ServiceAccount ${world.controllerNamespace}/${account}`, hint);
  }
  return failed(`${name} may do nothing of what it needs`, 'apply the roles of the chart of this version');
}

function isWriting({ verbs }: Grant): boolean {
  return verbs.some((verb) => !['get', 'list', 'watch'].includes(verb));
}

function needOf({ onlyWith }: Grant): string {
  return onlyWith === undefined ? 'never needs' : `needs only with pods.${onlyWith.join(' or pods.')}`;
}

/** Each verb of each grant, wherever it has to be. */
function questions(grants: readonly Grant[], world: World, scope: Scope): readonly Question[] {
  const lookedAt = world.namespace === undefined ? scope.namespaces : [world.namespace];
  return grants.flatMap((grant) => {
    const { group, isOwn, name } = grant;
    const [resource = '', subresource] = grant.resource.split('/');
    const namespaces = isOwn === true ? [world.controllerNamespace] : lookedAt.length === 0 ? [''] : lookedAt;
    return namespaces.flatMap((namespace) =>
      grant.verbs.map((verb) => ({
        grant,
        namespace,
        right: {
          verb,
          group,
          resource,
          ...(subresource === undefined ? {} : { subresource }),
          ...(name === undefined ? {} : { name }),
        },
      })),
    );
  });
}

async function answered(
  world: World,
  asked: readonly Question[],
  kind: 'SubjectAccessReview' | 'SelfSubjectAccessReview',
  who: Fields,
): Promise<{ readonly allowed: readonly Question[]; readonly refused: readonly Question[] }> {
  const answers = await Promise.all(
    asked.map(async ({ right, namespace }) => {
      const { status } = await world.review(`/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`, {
        apiVersion: 'authorization.k8s.io/v1',
        kind,
        spec: { ...(who as Readonly<Record<string, string>>), resourceAttributes: { ...right, namespace } },
      });
      return fieldsOf(status)['allowed'] === true;
    }),
  );
  return {
    allowed: asked.filter((_, index) => answers[index] === true),
    refused: asked.filter((_, index) => answers[index] !== true),
  };
}

function describe({ right, namespace }: Question): string {
  const { verb, group, resource, subresource, name } = right;
  const what = `${resource}${subresource === undefined ? '' : `/${subresource}`}${name === undefined ? '' : ` ${name}`}`;
  return `${verb} ${what}${group === '' || group === '*' ? '' : ` of ${group}`}${namespace === '' ? '' : ` in ${namespace}`}`;
}
