/** The form of what a custom service answers: what is checked here, and published as docs/custom-service.schema.json. */
import { Type } from '../json-schema.ts';

export const maxReasonLength = 256;

const identityText = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 253, description }));

export const verdictEntrySchema = Type.Object(
  {
    pod: identityText('Name of the pod. Exactly one of pod, address and uid says who is meant.'),
    address: identityText('IP of the pod, or IP:port, or [IPv6]:port.'),
    uid: identityText('UID of the pod.'),
    verdict: Type.Unsafe<'anomalous' | 'normal' | 'insufficient'>({
      enum: ['anomalous', 'normal', 'insufficient'],
      description: 'insufficient: too little data to say. Only anomalous may take a backend out.',
    }),
    severity: Type.Optional(
      Type.Number({
        minimum: 1,
        description:
          '1 is just at the bound, larger is worse; decides who goes first when not all may. Default 1, cut at 1000.',
      }),
    ),
    value: Type.Optional(
      Type.Number({ description: 'What was measured, for people. Default: the severity, 0 when normal.' }),
    ),
    bound: Type.Optional(Type.Number({ description: 'What it was compared with, for people. Default 1.' })),
    reason: Type.Optional(Type.String({ maxLength: maxReasonLength, description: 'One sentence for people.' })),
  },
  { additionalProperties: false },
);

export const verdictsSchema = Type.Object(
  {
    apiVersion: Type.Literal('breaker.kubervisor.io/v1'),
    kind: Type.Literal('Verdicts'),
    windowSeconds: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 86_400,
        description: 'How far back the verdicts look. Default: one evaluationPeriod of the breaker.',
      }),
    ),
    verdicts: Type.Array(verdictEntrySchema, {
      maxItems: 10_000,
      description: 'A backend without an entry is insufficient; two entries for one backend are an error for it.',
    }),
  },
  { additionalProperties: false },
);

/** A Kubernetes object: open, as it may hold whole pods. Go writes an empty list as null. */
export const podListSchema = Type.Object({
  metadata: Type.Optional(Type.Object({ continue: Type.Optional(Type.String()) })),
  items: Type.Union([
    Type.Null(),
    Type.Array(
      Type.Object({
        metadata: Type.Object({
          name: Type.String(),
          namespace: Type.Optional(Type.String()),
          uid: Type.Optional(Type.String()),
        }),
      }),
    ),
  ]),
});

/** In the draft that the most tools know. What only code checks here, for its messages, the schema says as well. */
export function renderCustomAnswerSchema(): string {
  const oneName = { oneOf: ['pod', 'address', 'uid'].map((name) => ({ required: [name] })) };
  const { verdicts } = verdictsSchema.properties;
  const kinds = { kind: { enum: ['', 'PodList'] }, metadata: { properties: { continue: { const: '' } } } };
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'What a custom service answers to Kubervisor',
    oneOf: [
      {
        ...verdictsSchema,
        title: 'Verdicts',
        properties: {
          ...verdictsSchema.properties,
          verdicts: { ...verdicts, items: { ...verdictEntrySchema, ...oneName } },
        },
      },
      {
        title: 'PodList',
        description: 'The pods that are bad, as the original Kubervisor was told.',
        allOf: [podListSchema, { properties: kinds }],
      },
    ],
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}
