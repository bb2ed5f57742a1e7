import descriptor from 'protobufjs/ext/descriptor/index.js';
import { expect, it } from 'vitest';
import { loadProtos, readDescriptors } from './load.ts';

const protos = loadProtos();

it('keeps the map fields of node metadata on the wire', () => {
  const { requestSerialize, requestDeserialize } =
    protos['envoy.service.endpoint.v3.EndpointDiscoveryService'].StreamEndpoints;
  const request = {
    node: { id: 'sidecar', metadata: { fields: { NAMESPACE: { stringValue: 'shop' } } } },
    resource_names: ['shop/pricer'],
  };
  expect(requestDeserialize(requestSerialize(request))).toMatchObject(request);
});

it('carries the bytes of Any as they are', () => {
  const { responseSerialize, responseDeserialize } =
    protos['envoy.service.discovery.v3.AggregatedDiscoveryService'].StreamAggregatedResources;
  const value = protos['envoy.config.endpoint.v3.ClusterLoadAssignment'].serialize({
    cluster_name: 'shop/pricer',
    endpoints: [{ lb_endpoints: [{ health_status: 'DRAINING', load_balancing_weight: { value: 5 } }] }],
  });
  const resources = [{ type_url: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment', value }];
  const received = responseDeserialize(responseSerialize({ resources }));
  expect(received.resources?.[0]?.value).toEqual(value);
});

it('tells an absent field from zero', () => {
  const { serialize, deserialize } = protos['envoy.config.endpoint.v3.ClusterLoadAssignment'];
  const endpoints = [{ priority: 0, lb_endpoints: [{ load_balancing_weight: { value: 0 } }, {}] }];
  const [locality] = deserialize(serialize({ endpoints })).endpoints ?? [];
  expect(locality?.lb_endpoints?.map((endpoint) => endpoint.load_balancing_weight !== undefined)).toEqual([
    true,
    false,
  ]);
});

it('describes every service, with all that its file imports', () => {
  const { FileDescriptorSet } = descriptor;
  const decoded = FileDescriptorSet.toObject(FileDescriptorSet.decode(readDescriptors()));
  const files = (decoded as descriptor.IFileDescriptorSet).file;
  const services = files.flatMap((file) => (file.service ?? []).map((service) => `${file.package}.${service.name}`));
  expect(services.sort()).toEqual([
    'envoy.service.cluster.v3.ClusterDiscoveryService',
    'envoy.service.discovery.v3.AggregatedDiscoveryService',
    'envoy.service.endpoint.v3.EndpointDiscoveryService',
    'envoy.service.status.v3.ClientStatusDiscoveryService',
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
    'grpc.reflection.v1alpha.ServerReflection',
    'kubervisor.v1.Admin',
  ]);
  const present = new Set(files.map((file) => file.name));
  expect(files.flatMap((file) => file.dependency ?? []).filter((file) => !present.has(file))).toEqual([]);
});
