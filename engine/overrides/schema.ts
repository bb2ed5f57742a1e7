/**
 * The one definition of an EndpointOverride, an act of a person as an object: TypeScript types, the CRD and validation all
 * come from here.
 */
import { type Static, Type } from '../json-schema.ts';
import { type Definition, renderDefinition } from '../policy/crd.ts';
import { choice, dnsLabel, duration, text } from '../policy/schema/fields.ts';
import { asNode } from '../policy/schema/vocabulary.ts';

const takesOut = ['Eject', 'Pause'];

const flag = (description: string) =>
  Type.Boolean({ expected: 'true or false', description: `${description} Default: false.` });

const Spec = Type.Object(
  {
    service: dnsLabel({ description: "Name of a Service in the override's namespace." }),
    endpoint: text({
      description: 'The backend that is meant.',
      expected: 'a pod name, backend id, address, address:port or [v6]:port',
      pattern: '^[!-~]+$',
      maxLength: 253,
    }),
    action: choice(['Eject', 'Pause', 'Restore'], {
      description:
        'Eject takes it out for a while, and it probes its way back; Pause keeps it out to be looked at, never evicted ' +
        'for that, and brings it back the same way; Restore brings it back now.',
    }),
    for: Type.Optional(
      duration({ min: '1s', max: '4h' }, { description: 'How long it stays out. Required by Eject and Pause.' }),
    ),
    reason: text({
      description: 'Why, for whoever looks at it later.',
      expected: 'a text of at most 256 characters without control characters',
      pattern: '^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$',
      maxLength: 256,
    }),
    force: Type.Optional(flag('Eject and Pause: skip guards, velocity and maxEjectedPercent; never the floor.')),
    ramp: Type.Optional(flag('Restore: through the ramp, by time, instead of at full weight at once.')),
  },
  {
    description: 'What is asked for.',
    immutable: 'an override is not edited, so that what was asked for is what is done: delete it and make another',
    goesWith: [
      {
        field: 'for',
        of: 'action',
        values: takesOut,
        required: true,
        message: 'for is required with the actions Eject and Pause, and has no meaning with Restore',
      },
      { field: 'force', of: 'action', values: takesOut, message: 'force has a meaning with Eject and Pause only' },
      { field: 'ramp', of: 'action', values: ['Restore'], message: 'ramp has a meaning with Restore only' },
    ],
  },
);

const time = (description: string) => Type.String({ format: 'date-time', maxLength: 64, description });

const Status = Type.Object(
  {
    state: Type.Optional(
      Type.Unsafe<'Pending' | 'InForce' | 'Refused' | 'Ended'>({
        type: 'string',
        enum: ['Pending', 'InForce', 'Refused', 'Ended'],
        description: 'What became of it. Absent: nobody has looked at it yet.',
      }),
    ),
    message: Type.Optional(Type.String({ maxLength: 1024, description: 'Why, and what to do, for people.' })),
    code: Type.Optional(Type.String({ maxLength: 16, description: 'Of a refusal, as docs/errors.md lists them.' })),
    backend: Type.Optional(Type.String({ maxLength: 253, description: 'Name of the backend that was meant.' })),
    sinceTime: Type.Optional(time('Since when the state holds.')),
    untilTime: Type.Optional(time('When its time is over.')),
    until: Type.Optional(
      Type.String({ maxLength: 16, description: 'The same without the day, as no override lasts longer than hours.' }),
    ),
    observedGeneration: Type.Optional(
      Type.Integer({ format: 'int64', minimum: 0, description: 'Generation of the override this status speaks of.' }),
    ),
  },
  { description: 'What became of it.' },
);

export const overrideSpecSchema = asNode(Spec);

export type OverrideSpec = Static<typeof Spec>;
export type OverrideStatus = Static<typeof Status>;

const definition: Definition = {
  kind: 'EndpointOverride',
  plural: 'endpointoverrides',
  singular: 'endpointoverride',
  shortName: 'kvo',
  description: 'Takes one endpoint of a Service out of rotation by hand, for a while, or brings one back.',
  spec: overrideSpecSchema,
  status: asNode(Status),
  structural: { boundDurations: true },
  printerColumns: [
    { name: 'Service', type: 'string', jsonPath: '.spec.service' },
    { name: 'Endpoint', type: 'string', jsonPath: '.spec.endpoint' },
    { name: 'Action', type: 'string', jsonPath: '.spec.action' },
    { name: 'State', type: 'string', jsonPath: '.status.state' },
    { name: 'Until', type: 'string', jsonPath: '.status.until' },
    { name: 'Reason', type: 'string', jsonPath: '.spec.reason', priority: 1 },
    { name: 'Message', type: 'string', jsonPath: '.status.message', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};

/** The whole file `manifests/crds/endpointoverrides.yaml`. */
export function renderOverrideCrd(): string {
  return renderDefinition(definition, 'engine/overrides/schema.ts');
}
