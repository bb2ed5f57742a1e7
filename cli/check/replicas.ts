/** The replicas: there, ready, one of them leads, and Envoys find them. */
import { type Fields, fieldsOf } from '../../engine/is-record.ts';
import { leadershipOf } from '../cluster/leader.ts';
import { deploymentsOf } from './deployed.ts';
import { chartLabel, type Check, failed, nameOf, ok, recordsOf, warning } from './world.ts';

export const replicasCheck: Check = {
  id: 'replicas',
  about: 'the replicas',
  async run(world) {
    const { controllerNamespace } = world;
    const deployments = await deploymentsOf(world);
    if (deployments.length === 0) {
      const hint = 'name the namespace with --controller-namespace; without the chart, label the Deployment so';
      return [warning(`no Deployment in ${controllerNamespace} has the label ${chartLabel}`, hint)];
    }
    return deployments.map((deployment) => {
      const wanted = Number(fieldsOf(deployment, 'spec')['replicas'] ?? 1);
      const ready = Number(fieldsOf(deployment, 'status')['readyReplicas'] ?? 0);
      const said = `deployment/${nameOf(deployment)}: ${ready} of ${wanted} replicas are ready`;
      const hint = `kubectl -n ${controllerNamespace} describe pods -l ${chartLabel}; /readyz of a replica says what it waits for`;
      if (ready === 0) return failed(said, hint);
      return ready < wanted ? warning(said, hint) : ok(said);
    });
  },
};

export const leaderCheck: Check = {
  id: 'leader',
  about: 'who leads',
  async run(world) {
    const leadership = await leadershipOf(world.cluster, world, world.now);
    const hint = 'see the log of a replica; --controller-namespace and --lease, where the Lease is elsewhere';
    switch (leadership.kind) {
      case 'leads':
        return [ok(`${leadership.holder} leads`)];
      case 'nobody':
        return [failed(`nobody leads: ${leadership.why}`, hint)];
      case 'unknown':
        return [warning(leadership.why, 'ask for get on leases of coordination.k8s.io there')];
    }
  },
};

export const xdsCheck: Check = {
  id: 'xds',
  about: 'the endpoints of xDS',
  async run(world) {
    const { controllerNamespace } = world;
    const services = await world.list(`/api/v1/namespaces/${controllerNamespace}/services`, chartLabel);
    const found = services.filter(hasXdsPort);
    return Promise.all(
      found.map(async (service) => {
        const name = String(fieldsOf(service, 'metadata')['name']);
        const slices = await world.list(
          `/apis/discovery.k8s.io/v1/namespaces/${controllerNamespace}/endpointslices`,
          `kubernetes.io/service-name=${name}`,
        );
        const endpoints = slices.flatMap((slice) => recordsOf(slice['endpoints']));
        const ready = endpoints.filter((endpoint) => fieldsOf(endpoint, 'conditions')['ready'] !== false).length;
        if (ready > 0) return ok(`service/${nameOf(service)} has ${ready} endpoints that serve xDS`);
        return failed(
          `service/${nameOf(service)} has no endpoint that serves xDS: Envoys keep what they have, new ones get nothing`,
          `kubectl -n ${controllerNamespace} get pods -l ${chartLabel}`,
        );
      }),
    );
  },
};

function hasXdsPort(service: Fields): boolean {
  return recordsOf(fieldsOf(service, 'spec')['ports']).some(({ name }) => /xds/.test(String(name)));
}
