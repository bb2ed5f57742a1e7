/** What the controller writes back. Bounded, because an object that outgrows etcd's limit cannot be written at all. */
import { Type } from '../../json-schema.ts';
import { asNode } from './vocabulary.ts';

const count = (description: string) => Type.Integer({ format: 'int32', minimum: 0, maximum: 100_000, description });
const short = (description: string) => Type.String({ maxLength: 253, description });
const sentence = (description: string) => Type.String({ maxLength: 1024, description });
const time = (description: string) => Type.String({ format: 'date-time', maxLength: 64, description });

const EjectedEndpoint = Type.Object(
  {
    name: short('Name of the backend.'),
    address: Type.Optional(short('One of its addresses, with port.')),
    state: Type.Unsafe<string>({
      type: 'string',
      enum: ['Ejected', 'Probing', 'Ramping', 'Paused', 'Evicted'],
      description: 'Where it stands in its rotation.',
    }),
    breaker: Type.Optional(short('The breaker that took it out; absent for manual acts.')),
    reason: Type.Optional(short('In one word.')),
    message: Type.Optional(sentence('Value, bound, reference and window of the verdict.')),
    retryCount: Type.Optional(count('How often it was tried again.')),
    nextRetryTime: Type.Optional(time('When it is tried next.')),
  },
  { required: ['name', 'state'], description: 'A backend that is not simply serving.' },
);

const Condition = Type.Object(
  {
    type: Type.String({
      maxLength: 316,
      description: 'Such as Ready, Accepted, DetectorsHealthy or EndpointsEjected.',
    }),
    status: Type.Unsafe<string>({
      type: 'string',
      enum: ['True', 'False', 'Unknown'],
      description: 'Whether it holds.',
    }),
    observedGeneration: Type.Optional(
      Type.Integer({ format: 'int64', minimum: 0, description: 'Generation of the policy it speaks of.' }),
    ),
    lastTransitionTime: time('When the status last changed.'),
    reason: Type.String({ minLength: 1, maxLength: 1024, description: 'In one CamelCase word.' }),
    message: Type.String({ maxLength: 32_768, description: 'For people.' }),
  },
  { description: 'A standard Kubernetes condition.' },
);

/**
 * As text in JSON, in bytes. With 50 decisions it is some 50 kB; etcd takes 1.5 MiB for the whole object, of which spec and
 * the rest of the status are some 300 kB at most.
 */
export const maxRecordBytes = 524_288;

/** Ours and those of others. */
export const maxConditions = 16;

const Status = Type.Object(
  {
    record: Type.Optional(
      Type.String({
        maxLength: maxRecordBytes,
        description:
          'The decisions about the Service, as JSON, for the controller: what it restores after a restart. Removing it puts every ejected backend back.',
      }),
    ),
    observedGeneration: Type.Optional(
      Type.Integer({ format: 'int64', minimum: 0, description: 'Generation of the policy this status speaks of.' }),
    ),
    target: Type.Optional(short('What the policy is for, such as Service/pricer.')),
    enforcement: Type.Optional(short('Enforcement in effect.')),
    serving: Type.Optional(short('Serving backends of all, such as 5/6.')),
    summary: Type.Optional(
      Type.Object(
        {
          total: Type.Optional(count('Backends of the fleet.')),
          serving: Type.Optional(count('Serving backends.')),
          out: Type.Optional(count('Backends that are not simply serving: the sum of the next five.')),
          ejected: Type.Optional(count('Ejected backends.')),
          probing: Type.Optional(count('Backends at the first weight of the ramp.')),
          ramping: Type.Optional(count('Backends further on their way back.')),
          paused: Type.Optional(count('Backends kept out for inspection.')),
          evicted: Type.Optional(count('Backends whose pods have to be replaced.')),
          wouldEject: Type.Optional(count('Backends that would be out if the policy were enforced.')),
        },
        { description: 'Counts of backends.' },
      ),
    ),
    budget: Type.Optional(
      Type.Object(
        {
          minAvailable: Type.Optional(count('The floor, in backends.')),
          ejectionsAllowed: Type.Optional(count('How many more may be ejected now.')),
          text: Type.Optional(short('Both in words.')),
        },
        { description: 'What the budget leaves.' },
      ),
    ),
    ejectedEndpoints: Type.Optional(
      Type.Array(EjectedEndpoint, {
        maxItems: 50,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        description: 'The backends that are out.',
      }),
    ),
    conditions: Type.Optional(
      Type.Array(Condition, {
        maxItems: maxConditions,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
        description: 'Ready stays True while backends are out: taking them out is the work, not a failure of it.',
      }),
    ),
  },
  { description: 'What the controller last did and saw.' },
);

export const statusSchema = asNode(Status);
