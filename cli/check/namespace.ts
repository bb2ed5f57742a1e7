/** The namespace of the controller. */
import { KubeError } from '../../engine/kubernetes/kube-client.ts';
import { type Check, ok, warning } from './world.ts';

export const namespaceCheck: Check = {
  id: 'namespace',
  about: 'the namespace of the controller',
  async run(world) {
    const { controllerNamespace: name } = world;
    try {
      await world.get(`/api/v1/namespaces/${name}`);
      return [ok(`namespace ${name} is there`)];
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 404) throw error;
      return [
        warning(`there is no namespace ${name}`, `kubectl create namespace ${name}, or helm's --create-namespace`),
      ];
    }
  },
};
