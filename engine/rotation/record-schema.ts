/**
 * The form of a {@link ServiceRecord}, for one that somebody else wrote: another version, or a hand. A test holds form and type
 * together. What is not named here is let through: a field that is added does not change the format.
 */
import { Type } from '../json-schema.ts';
import type { BackendId } from '../model.ts';
import { recordedPolicySchema } from '../policy/recorded-schema.ts';
import { durationMs, measured, moment } from '../policy/recorded-values.ts';

const text = Type.String();
/** Counted up by one, and exact. */
const counter = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const backend = Type.Unsafe<BackendId>(text);

export const suspensionSchema = Type.Object({ actor: text, reason: text, sinceMs: moment });

const agreementSchema = Type.Object({
  breaker: text,
  severity: measured,
  value: measured,
  bound: measured,
  reason: text,
});

const causeSchema = Type.Union([
  Type.Object({
    kind: Type.Literal('breaker'),
    breaker: text,
    severity: measured,
    value: measured,
    bound: measured,
    reason: text,
    query: Type.Optional(text),
    lookbackMs: durationMs,
    streak: Type.Object({ anomalous: counter, of: counter }),
    budget: text,
    agreed: Type.Optional(Type.Array(agreementSchema)),
    cohort: Type.Optional(text),
  }),
  Type.Object({ kind: Type.Literal('manual'), verb: Type.Enum(['eject', 'pause']), actor: text, reason: text }),
]);

const returningSchema = Type.Union([
  Type.Object({ kind: Type.Literal('evidence') }),
  Type.Object({
    kind: Type.Literal('time'),
    note: Type.Enum(['correlated', 'breaker-removed', 'manual-ramp', 'starved', 'stale']),
  }),
]);

const decisionSchema = Type.Object({
  backend,
  name: text,
  state: Type.Enum(['serving', 'ejected', 'probing', 'ramping', 'paused', 'evicted']),
  sinceMs: moment,
  durationMs: Type.Optional(durationMs),
  outSinceMs: moment,
  evidenceFromMs: moment,
  step: counter,
  retries: counter,
  healthyMs: Type.Number(),
  minWeight: Type.Optional(Type.Number()),
  starvedMs: Type.Optional(Type.Number()),
  starved: Type.Optional(Type.Boolean()),
  closed: Type.Boolean(),
  cause: causeSchema,
  returning: returningSchema,
  evictionHeld: Type.Optional(
    Type.Object({
      cause: Type.Enum(['eviction-limit', 'kill-loop', 'disruption-budget', 'no-controller', 'eviction-refused']),
      detail: Type.Optional(text),
    }),
  ),
  incarnation: Type.Optional(text),
  epoch: counter,
  seq: counter,
});

const trackSchema = Type.Object({
  decisions: Type.Array(decisionSchema),
  ejections: Type.Array(Type.Object({ atMs: moment, backend, kind: Type.Enum(['new', 'repeated', 'manual']) })),
  evictions: Type.Optional(
    Type.Array(
      Type.Object({
        atMs: moment,
        backend,
        template: Type.Optional(text),
        replacement: Type.Optional(backend),
        wasInVain: Type.Optional(Type.Literal(true)),
      }),
    ),
  ),
});

const breakerSchema = Type.Object({
  fingerprint: text,
  evaluations: counter,
  silentSinceMs: Type.Optional(moment),
  level: Type.Optional(measured),
  levels: Type.Optional(Type.Record(Type.String(), measured)),
});

export const recordSchema = Type.Object({
  formatVersion: Type.Number(),
  epoch: counter,
  seq: counter,
  policy: Type.Optional(recordedPolicySchema),
  suspension: Type.Optional(suspensionSchema),
  freeze: Type.Optional(Type.Object({ actor: text, reason: text, sinceMs: moment, durationMs: Type.Number() })),
  clamp: Type.Optional(Type.Object({ base: counter, floor: counter })),
  peaks: Type.Array(Type.Object({ atMs: moment, ready: counter })),
  base: counter,
  breakers: Type.Record(Type.String(), breakerSchema),
  enforced: trackSchema,
  shadow: trackSchema,
});
