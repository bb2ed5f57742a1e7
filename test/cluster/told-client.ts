/** An xDS client of one replica after the other process of it, and all that it was ever told of one Service. */
import { clusterLoadAssignment } from '../support/protos.ts';
import { connectXds } from '../support/xds-client.ts';

export interface ToldClient {
  /**
   * One entry for each response, as `6`, `6, p3 out` or `6, p3 at 5`: how many are listed, and who of them gets less than
   * all that is his. What a new stream answers first is no change where it is what was known before.
   */
  readonly views: readonly string[];
  /** Follows what is there now, until it ends. */
  follow(port: number): void;
}

/** @param nameOf what the pod with this address is called */
export function createToldClient(resource: string, nameOf: (address: string) => string): ToldClient {
  const views: string[] = [];

  async function follow(port: number): Promise<void> {
    const client = connectXds(port);
    const stream = client.sotw();
    const names = { resource_names: [resource] };
    let isFirst = true;
    try {
      stream.say(names);
      for (;;) {
        const { nonce = '', version_info = '', resources = [] } = await stream.next();
        stream.say({ ...names, response_nonce: nonce, version_info });
        const view = viewOf(resources[0]?.value, nameOf);
        if (!isFirst || view !== views.at(-1)) views.push(view);
        isFirst = false;
      }
    } catch {
      // Its server has ended.
    } finally {
      await client.stop();
    }
  }

  return { views, follow: (port) => void follow(port) };
}

function viewOf(bytes: unknown, nameOf: (address: string) => string): string {
  if (!Buffer.isBuffer(bytes)) return 'nothing';
  const { endpoints = [] } = clusterLoadAssignment.deserialize(bytes);
  const hosts = endpoints.flatMap(({ lb_endpoints: listed = [] }) => listed);
  const less = hosts.flatMap(({ endpoint, health_status: health, load_balancing_weight: weight }) => {
    const name = nameOf(endpoint?.address?.socket_address?.address ?? '');
    if (health !== 'HEALTHY') return [`${name} ${health === 'DRAINING' ? 'out' : health}`];
    return weight?.value === 100 ? [] : [`${name} at ${weight?.value}`];
  });
  return [hosts.length, ...less].join(', ');
}
