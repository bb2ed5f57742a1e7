/**
 * The one definition of a KubervisorService: TypeScript types, the CRD (crd.ts) and validation (parse.ts) all come from
 * here. Bounds everywhere, because the API server prices CEL rules by the largest object the schema allows.
 */
import { type Static, Type } from '../json-schema.ts';
import { defaults } from './defaults.ts';
import { Activator } from './schema/activator.ts';
import { NamedBreaker, ShorthandBreaker } from './schema/breaker.ts';
import { Budget } from './schema/budget.ts';
import { boolean, choice, dnsLabel, duration, integer, text } from './schema/fields.ts';
import { asNode } from './schema/vocabulary.ts';

export const group = 'breaker.kubervisor.io';
export const version = 'v1';
export const apiVersion = `${group}/${version}`;
export const kind = 'KubervisorService';

const Eject = Type.Object(
  {
    how: Type.Optional(
      choice(['Drain', 'MarkUnhealthy', 'Remove'], {
        description:
          'How an ejected backend is taken out: Drain lets its connections live and takes no new request; MarkUnhealthy ' +
          "leaves it in the proxy's panic arithmetic; Remove takes it off the list, which ends idle connections only.",
        default: defaults.eject.how,
      }),
    ),
    closeAfter: Type.Optional(
      duration(
        { min: '1s', max: '24h' },
        { description: 'Time from the ejection until `then` happens.', whenAbsent: 'never' },
      ),
    ),
    then: Type.Optional(
      choice(['None', 'Remove', 'Evict'], {
        description: 'What happens closeAfter after the ejection.',
        whenAbsent: `${defaults.eject.thenAfterClose} when closeAfter is set, else None`,
      }),
    ),
  },
  { description: 'How an ejected backend is taken out of rotation.' },
);

const Spec = Type.Object(
  {
    service: dnsLabel({
      description: "Name of a Service in the policy's namespace. Of several policies for one Service the oldest wins.",
    }),
    enforcement: Type.Optional(
      choice(['Enforce', 'Observe', 'Suspended'], {
        description:
          'Enforce acts; Observe decides and reports and takes nothing out; Suspended brings back everything that was ' +
          'taken out.',
        whenAbsent: `defaultEnforcement of the serving config, itself ${defaults.enforcement}`,
      }),
    ),
    settle: Type.Optional(
      integer(
        { min: 0, max: 1000 },
        { description: 'Evaluations observed before a new or edited policy acts.', default: defaults.settle },
      ),
    ),
    eject: Type.Optional(Eject),
    budget: Type.Optional(Budget),
    proximity: Type.Optional(
      choice(['None', 'Zone', 'Node'], {
        description:
          'Clients are sent to backends of their own zone first, or of their own node and then of their zone; what those ' +
          'have lost goes to the others. Ejected backends are marked UNHEALTHY then, for Envoy to see the loss. See ' +
          'docs/proximity.md.',
        default: defaults.proximity,
      }),
    ),
    warmUp: Type.Optional(
      duration(
        { min: '0s', max: '24h' },
        {
          description:
            'Time after becoming ready in which a backend is neither judged nor compared with. Samples that reach back into it do not count either.',
          default: defaults.warmUp,
        },
      ),
    ),
    allowStateful: Type.Optional(
      boolean({
        description:
          'Whether pods of a StatefulSet may be ejected, too. They are no replicas of each other, and the one that stands ' +
          'out may be the primary; without this they are judged and reported only.',
        default: defaults.allowStateful,
      }),
    ),
    breaker: Type.Optional(ShorthandBreaker),
    breakers: Type.Optional(
      Type.Array(NamedBreaker, {
        description: 'One to eight breakers with unique names. They share one budget.',
        minItems: 1,
        maxItems: 8,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        expected: 'a list of 1 to 8 breakers',
      }),
    ),
    combine: Type.Optional(
      choice(['Any', 'All'], {
        description:
          'How many of the breakers it takes to take a backend out: Any one of them, or All that enforce, each confirmed ' +
          'by itself. With All a backend comes back as soon as one of them finds it normal.',
        default: defaults.combine,
      }),
    ),
    activator: Type.Optional(Activator),
  },
  {
    description: 'What to judge and what to do about it.',
    choices: [
      { of: ['breaker', 'breakers'], exactly: true, message: 'set exactly one of breaker and breakers' },
      {
        of: ['breaker.minPodsAvailableCount', 'budget.minAvailableCount', 'budget.minPodsAvailableCount'],
        message: 'breaker.minPodsAvailableCount and budget.minAvailableCount are the same setting: set one of them',
      },
      {
        of: ['breaker.minPodsAvailableRatio', 'budget.minAvailableRatio', 'budget.minPodsAvailableRatio'],
        message: 'breaker.minPodsAvailableRatio and budget.minAvailableRatio are the same setting: set one of them',
      },
    ],
  },
);

const Metadata = Type.Object(
  {
    name: text({
      description: 'Name of the policy.',
      expected: 'a name: at most 253 lower-case letters, digits, "-" or "."',
      pattern: '^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$',
      maxLength: 253,
    }),
    namespace: Type.Optional(dnsLabel({ description: 'Namespace of the policy and of its Service.' })),
    creationTimestamp: Type.Optional(Type.Unknown()),
  },
  { open: true },
);

const PolicyObject = Type.Object({
  apiVersion: Type.String(),
  kind: Type.String(),
  metadata: Metadata,
  spec: Spec,
  status: Type.Optional(Type.Unknown({ open: true })),
});

export type PolicySpec = Static<typeof Spec>;
export type BreakerSpec = Static<typeof NamedBreaker>;
export type ShorthandBreakerSpec = Static<typeof ShorthandBreaker>;
export type PolicyObject = Static<typeof PolicyObject>;

export const specSchema = asNode(Spec);
/** The whole object, as files and the API server hold it. */
export const policySchema = asNode(PolicyObject);
