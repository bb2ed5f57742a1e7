/**
 * The light structural check of Kubernetes objects in files: what fleets are made of must have the right type, because
 * no API server has looked at it. Everything else in an object is let through unread.
 */
import { Type } from '../../json-schema.ts';

/** Namespaces and names become parts of keys and of resource names: anything but a DNS name would forge others. */
const DnsName = Type.String({ pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$', maxLength: 253 });
const DnsLabel = Type.String({ pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', maxLength: 63 });
const Labels = Type.Record(Type.String(), Type.String());
const PortNumber = Type.Integer({ minimum: 1, maximum: 65_535 });

const metadata = {
  name: DnsName,
  namespace: Type.Optional(DnsLabel),
  uid: Type.Optional(Type.String({ minLength: 1 })),
  labels: Type.Optional(Labels),
  deletionTimestamp: Type.Optional(Type.String()),
};

export const ServiceSchema = Type.Object({
  metadata: Type.Object({ ...metadata, name: DnsLabel }),
  spec: Type.Object({
    type: Type.Optional(Type.String()),
    selector: Type.Optional(Labels),
    ports: Type.Optional(
      Type.Array(
        Type.Object({
          name: Type.Optional(Type.String()),
          port: PortNumber,
          protocol: Type.Optional(Type.String()),
          appProtocol: Type.Optional(Type.String()),
        }),
      ),
    ),
  }),
});

export const EndpointSliceSchema = Type.Object({
  metadata: Type.Object(metadata),
  addressType: Type.Enum(['IPv4', 'IPv6', 'FQDN']),
  ports: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.Optional(Type.String()),
        port: Type.Optional(PortNumber),
        protocol: Type.Optional(Type.String()),
      }),
    ),
  ),
  endpoints: Type.Optional(
    Type.Array(
      Type.Object({
        addresses: Type.Array(Type.String(), { minItems: 1 }),
        conditions: Type.Optional(
          Type.Object({
            ready: Type.Optional(Type.Boolean()),
            serving: Type.Optional(Type.Boolean()),
            terminating: Type.Optional(Type.Boolean()),
          }),
        ),
        targetRef: Type.Optional(
          Type.Object({
            kind: Type.Optional(Type.String()),
            namespace: Type.Optional(Type.String()),
            name: Type.Optional(Type.String()),
            uid: Type.Optional(Type.String()),
          }),
        ),
        nodeName: Type.Optional(Type.String()),
        zone: Type.Optional(Type.String()),
      }),
    ),
  ),
});

export const PodSchema = Type.Object({
  metadata: Type.Object({
    ...metadata,
    ownerReferences: Type.Optional(
      Type.Array(Type.Object({ kind: Type.String(), name: Type.String(), controller: Type.Optional(Type.Boolean()) })),
    ),
  }),
  status: Type.Optional(
    Type.Object({
      phase: Type.Optional(Type.String()),
      conditions: Type.Optional(
        Type.Array(
          Type.Object({
            type: Type.String(),
            status: Type.String(),
            lastTransitionTime: Type.Optional(Type.String()),
          }),
        ),
      ),
      containerStatuses: Type.Optional(
        Type.Array(
          Type.Object({
            name: Type.String(),
            restartCount: Type.Integer(),
            containerID: Type.Optional(Type.String()),
            state: Type.Optional(
              Type.Object({
                running: Type.Optional(Type.Object({ startedAt: Type.Optional(Type.String()) })),
              }),
            ),
          }),
        ),
      ),
    }),
  ),
});
