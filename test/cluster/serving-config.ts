import { servingConfigYaml } from '../../demo/files.ts';

/**
 * The serving config on a cluster, where decisions are kept in the objects.
 * @param kubernetes what stands under `source.kubernetes`, as flow YAML
 */
export function clusterConfigYaml(ports: Parameters<typeof servingConfigYaml>[0], kubernetes: string): string {
  const yaml = servingConfigYaml(ports)
    .replace('{files: ./config}', `{kubernetes: ${kubernetes}}`)
    .replace(/^state: .*\n/m, '');
  // Where the replicas meet has to be there.
  return `${yaml}replicas: {namespace: default}\n`;
}
