/** Our CustomResourceDefinitions: there, and those of this version. */
import { type Fields, fieldsOf } from '../../engine/is-record.ts';
import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import { KubeError } from '../../engine/kubernetes/kube-client.ts';
import { renderOverrideCrd } from '../../engine/overrides/schema.ts';
import { renderCrd } from '../../engine/policy/crd.ts';
import { type Check, type Finding, failed, nameOf, ok, recordsOf, warning } from './world.ts';

const install = 'helm upgrade, where the chart brings them, or kubectl apply -f manifests/crds';

/** @param areNeeded false before the installation */
export function definitionsCheck(areNeeded: boolean): Check {
  return {
    id: 'definitions',
    about: 'the CustomResourceDefinitions',
    run: (world) =>
      Promise.all(
        [renderCrd(), renderOverrideCrd()].map(async (text): Promise<Finding> => {
          const ours = parse(text) as Fields;
          const name = nameOf(ours);
          const theirs = await world
            .get(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`)
            .catch(absent);
          if (theirs === undefined) {
            return areNeeded
              ? failed(`there is no CustomResourceDefinition ${name}`, install)
              : ok(`CustomResourceDefinition ${name} is not there yet`);
          }
          if (!isServed(theirs)) return failed(`CustomResourceDefinition ${name} is not established`, install);
          if (!areNeeded && !isOfHelm(theirs)) {
            const hint = 'add --take-ownership to helm install, or set crds.enabled=false: docs/upgrade.md';
            return warning(`CustomResourceDefinition ${name} is there, and not by Helm, which will refuse`, hint);
          }
          if (isSame(ours, theirs)) return ok(`CustomResourceDefinition ${name} is that of this version`);
          return warning(`CustomResourceDefinition ${name} is that of another version`, install);
        }),
      ),
  };
}

function absent(error: unknown): undefined {
  if (error instanceof KubeError && error.status === 404) return undefined;
  throw error;
}

function isServed(definition: Fields): boolean {
  return recordsOf(fieldsOf(definition, 'status')['conditions']).some(
    ({ type, status }) => type === 'Established' && status === 'True',
  );
}

/** Of which release does not matter: where it is another one Helm says so. */
function isOfHelm(definition: Fields): boolean {
  return fieldsOf(fieldsOf(definition, 'metadata')['labels'])['app.kubernetes.io/managed-by'] === 'Helm';
}

/** What is accepted and stored; how it is printed, and labels of whoever installed it, may differ. */
function isSame(ours: Fields, theirs: Fields): boolean {
  const schemas = (definition: Fields): unknown =>
    recordsOf(fieldsOf(definition, 'spec')['versions']).map(({ name, schema, served, storage }) => ({
      name,
      schema,
      served,
      storage,
    }));
  return isDeepStrictEqual(schemas(ours), schemas(theirs));
}
