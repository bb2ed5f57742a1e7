/**
 * The recommended cluster of a port as bytes. Clusters change with their policy, not with their endpoints, so the
 * version is that of what the cluster says: an assignment that differs only in endpoints costs a comparison.
 */
import type { PortAssignment } from '../engine/assignment/assignment.ts';
import { loadClusterProtos } from '../proto/load.ts';
import { messageForm, recommendedCluster } from './cluster.ts';
import { type Content, contentHash } from './content.ts';

export function createClusterContents(): (port: PortAssignment) => Content {
  let protos: ReturnType<typeof loadClusterProtos> | undefined;

  return ({ port, ejectedAs }) => {
    const cluster = (name: string): object =>
      recommendedCluster(
        {
          name,
          serviceName: name,
          // Whoever takes clusters from us by ADS takes their endpoints from us too; for gRPC clients nothing else exists.
          edsConfig: { resource_api_version: 'V3', ads: {} },
          protocol: port.protocol ?? 'http1',
          ejectedAs,
        },
        messageForm,
      );
    return {
      version: contentHash(JSON.stringify(cluster(''))),
      message(name) {
        // Parsed for the first who asks for clusters; most ask for endpoints only, and need not wait for it.
        protos ??= loadClusterProtos();
        return protos['envoy.config.cluster.v3.Cluster'].serialize(cluster(name));
      },
    };
  };
}
