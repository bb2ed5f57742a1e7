/** What the original Kubervisor left behind: its definition, and Services that select by its label. */
import { KubeError } from '../../engine/kubernetes/kube-client.ts';
import { selectorNote } from '../../engine/policy/migrate/traffic-label.ts';
import { type Check, nameOf, ok, warning } from './world.ts';

const hint = 'docs/migrate.md says in which order no request is lost';

export const originalCheck: Check = {
  id: 'original',
  about: 'what the original Kubervisor left behind',
  async run(world) {
    const name = 'kubervisorservices.kubervisor.k8s.io';
    const isThere = await world.get(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`).then(
      () => true,
      (error: unknown) => {
        if (error instanceof KubeError && error.status === 404) return false;
        throw error;
      },
    );
    if (!isThere) return [ok('the original Kubervisor is not there')];
    return [warning(`the original Kubervisor is, or was, here: CustomResourceDefinition ${name}`, hint)];
  },
};

export const trafficLabelCheck: Check = {
  id: 'traffic-label',
  about: 'the selectors of Services',
  async run(world) {
    const services = await world.listed('/api/v1', 'services');
    // A list does not say for each of its objects what all of them are.
    const selecting = services.filter((service) => selectorNote({ kind: 'Service', ...service }) !== undefined);
    if (selecting.length === 0) return [ok('no Service selects by the label of the original')];
    return selecting.map((service) =>
      warning(`service/${nameOf(service)} selects by the label of the original, kubervisor/traffic`, hint),
    );
  },
};
