/**
 * The messages of `proto/kubervisor/v1/admin.proto` as the handlers build them. What each field means is documented
 * there, once; a test compares these with the proto, field by field. Written by hand and not generated, because the
 * generator knows no readonly and the views are built by pure functions that rely on it.
 */

export interface ListRequest {
  readonly namespace: string;
  readonly backends: boolean;
}

export interface ListResponse {
  readonly services: readonly ServiceView[];
  readonly suspension?: SuspensionView;
  readonly replica?: ReplicaView;
}

export interface ReplicaView {
  readonly role: 'leading' | 'following';
  readonly leader: string;
}

export interface GetRequest {
  readonly namespace: string;
  readonly name: string;
}

export interface GetResponse {
  readonly service: ServiceView;
  readonly replica?: ReplicaView;
}

export interface WatchRequest {
  readonly namespace: string;
  readonly name: string;
  readonly backends: boolean;
}

export interface WatchResponse {
  readonly key: string;
  readonly service?: ServiceView;
  readonly gone: boolean;
  readonly current: boolean;
  readonly replica?: ReplicaView;
}

export interface WhyRequest {
  readonly backend: string;
  readonly namespace: string;
  readonly name: string;
}

export interface WhyResponse {
  readonly service: string;
  readonly conclusion: string;
  readonly steps: readonly WhyStep[];
  readonly backend: BackendView;
  readonly breakers: readonly BreakerView[];
  readonly budget: BudgetView;
  readonly replica?: ReplicaView;
}

export interface WhyStep {
  readonly stage:
    | 'backend'
    | 'policy'
    | 'suspension'
    | 'freeze'
    | 'breaker'
    | 'fleet'
    | 'guard'
    | 'budget'
    | 'shadow'
    | 'rotation'
    | 'next';
  readonly text: string;
}

export interface ProxiesRequest {
  readonly namespace: string;
  readonly name: string;
}

export interface ProxiesResponse {
  readonly proxies: readonly ProxyView[];
  readonly notes: readonly string[];
}

export interface TakeOutRequest {
  readonly namespace: string;
  readonly name: string;
  readonly backend: string;
  readonly forSeconds: number;
  readonly reason: string;
  readonly force: boolean;
  readonly actor: string;
}

export interface RestoreRequest {
  readonly namespace: string;
  readonly name: string;
  readonly backend: string;
  readonly reason: string;
  readonly ramp: boolean;
  readonly actor: string;
  readonly local: boolean;
}

/** Answer to eject, pause and restore. */
export interface BackendActResponse {
  readonly service: ServiceView;
  readonly backend: BackendView;
}

/** Of suspend and resume. */
export interface SuspensionRequest {
  readonly namespace: string;
  readonly name: string;
  readonly all: boolean;
  readonly reason: string;
  readonly actor: string;
}

export interface SuspendResponse {
  readonly service?: ServiceView;
  readonly suspension: SuspensionView;
  readonly notStored?: string;
}

export interface ResumeResponse {
  readonly service?: ServiceView;
  readonly notStored?: string;
}

export interface FreezeRequest {
  readonly namespace: string;
  readonly name: string;
  readonly forSeconds: number;
  readonly reason: string;
  readonly actor: string;
}

export interface UnfreezeRequest {
  readonly namespace: string;
  readonly name: string;
  readonly reason: string;
  readonly actor: string;
}

/** Of freeze and unfreeze. */
export interface FreezeResponse {
  readonly service: ServiceView;
}

export interface ServiceView {
  readonly namespace: string;
  readonly name: string;
  readonly policy: string;
  readonly enforcement: 'Enforce' | 'Observe' | 'Suspended' | 'None';
  readonly suspension?: SuspensionView;
  readonly freeze?: FreezeView;
  readonly summary: SummaryView;
  readonly budget: BudgetView;
  readonly breakers: readonly BreakerView[];
  readonly backends: readonly BackendView[];
  readonly policyStatus?: PolicyStatusView;
  readonly problems: readonly ServiceProblemView[];
}

export interface ServiceProblemView {
  readonly about: 'policy' | 'record';
  readonly code: string;
  readonly text: string;
}

export interface PolicyStatusView {
  readonly name: string;
  readonly conditions: readonly ConditionView[];
}

export interface ConditionView {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

export interface SuspensionView {
  readonly scope: 'service' | 'everything';
  readonly actor: string;
  readonly reason: string;
  readonly sinceTime: string;
}

export interface FreezeView {
  readonly actor: string;
  readonly reason: string;
  readonly sinceTime: string;
  readonly untilTime: string;
}

export interface SummaryView {
  readonly total: number;
  readonly ready: number;
  readonly serving: number;
  readonly ejected: number;
  readonly probing: number;
  readonly ramping: number;
  readonly paused: number;
  readonly evicted: number;
  readonly held: number;
  readonly wouldEject: number;
  readonly terminating: number;
}

export interface BudgetView {
  readonly base: number;
  readonly floor: number;
  readonly maxOut: number;
  readonly out: number;
  readonly left: number;
  readonly text: string;
  readonly belowFloorSinceTime?: string;
}

export interface BreakerView {
  readonly name: string;
  readonly enforcement: 'Enforce' | 'Observe' | 'Suspended';
  readonly detector: string;
  readonly query: string;
  readonly activityQuery?: string;
  readonly source: string;
  readonly evaluationPeriodSeconds: number;
  readonly windowSeconds: number;
  readonly confirmAtLeast: number;
  readonly confirmOf: number;
  readonly outcome: 'none' | 'judged' | 'fleet-wide' | 'unusable' | 'unknown';
  readonly reason: string;
  readonly evaluatedTime?: string;
  readonly evaluations: number;
  readonly settle: number;
  readonly baseline?: number;
  readonly normal: number;
  readonly anomalous: number;
  readonly insufficient: number;
  readonly error: number;
  readonly reference: 'median' | 'mean' | 'spread' | 'rate' | '';
  readonly groupBy: readonly string[];
  readonly groups: readonly GroupView[];
}

export interface GroupView {
  readonly key: string;
  readonly size: number;
  readonly outcome: 'judged' | 'insufficient' | 'fleet-wide';
  readonly reason: string;
  readonly baseline?: number;
  readonly againstRest: 'normal' | 'anomalous' | 'insufficient' | 'error';
  readonly value?: number;
  readonly bound?: number;
  readonly againstRestReason: string;
}

export interface BackendView {
  readonly id: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly zone: string;
  readonly node: string;
  readonly version: string;
  readonly ready: boolean;
  readonly terminating: boolean;
  readonly state: StateName;
  readonly weightPercent: number;
  readonly breaker: string;
  readonly value?: number;
  readonly bound?: number;
  readonly reason: string;
  readonly warmUpUntilTime?: string;
  readonly verdicts: readonly VerdictView[];
  readonly decision?: DecisionView;
  readonly held?: HeldView;
  readonly shadowDecision?: DecisionView;
  readonly shadowHeld?: HeldView;
}

export type StateName = 'serving' | 'ejected' | 'probing' | 'ramping' | 'paused' | 'evicted';

export interface VerdictView {
  readonly breaker: string;
  readonly kind: 'normal' | 'anomalous' | 'insufficient' | 'error' | 'none';
  readonly value?: number;
  readonly bound?: number;
  readonly severity?: number;
  readonly reason: string;
  readonly streakAnomalous: number;
  readonly streakOf: number;
  readonly group: string;
}

export interface DecisionView {
  readonly state: StateName;
  readonly cause: 'breaker' | 'manual';
  readonly breaker: string;
  readonly value?: number;
  readonly bound?: number;
  readonly severity?: number;
  readonly reason: string;
  readonly query: string;
  readonly windowSeconds: number;
  readonly streakAnomalous: number;
  readonly streakOf: number;
  readonly budget: string;
  readonly verb: '' | 'eject' | 'pause';
  readonly actor: string;
  readonly sinceTime: string;
  readonly outSinceTime: string;
  readonly retries: number;
  readonly maxRetries: number;
  readonly returning: 'evidence' | 'correlated' | 'breaker-removed' | 'manual-ramp' | 'starved' | 'stale';
  readonly next: string;
  readonly nextTime?: string;
  readonly closed: boolean;
  readonly starved: boolean;
  readonly epoch: number;
  readonly seq: number;
  readonly agreed: readonly AgreementView[];
}

export interface AgreementView {
  readonly breaker: string;
  readonly severity: number;
  readonly value: number;
  readonly bound: number;
  readonly reason: string;
}

export interface HeldView {
  readonly cause: string;
  readonly text: string;
  readonly breaker: string;
  readonly value: number;
  readonly bound: number;
  readonly reason: string;
  readonly sinceTime: string;
}

export interface ProxyView {
  readonly nodeId: string;
  readonly nodeCluster: string;
  readonly version: string;
  readonly address: string;
  readonly connectedTime: string;
  readonly subscriptions: readonly SubscriptionView[];
  readonly zone: string;
  readonly dialect: 'envoy' | 'grpc';
  readonly identity?: string;
}

export interface SubscriptionView {
  readonly type: string;
  readonly variant: 'sotw' | 'delta';
  readonly resources: number;
  readonly sentVersion: string;
  readonly ackedVersion: string;
  readonly waitingSinceTime?: string;
  readonly nackedVersion: string;
  readonly nackMessage: string;
  readonly nackedTime?: string;
  readonly status: FollowStatus;
  readonly holdings: readonly HoldingView[];
}

export interface HoldingView {
  readonly name: string;
  readonly status: FollowStatus;
  readonly sentVersion: string;
  readonly ackedVersion: string;
  readonly currentVersion: string;
  readonly behindSinceTime?: string;
  readonly nackedVersion: string;
  readonly nackMessage: string;
  readonly nackedTime?: string;
}

export type FollowStatus = 'not-sent' | 'stale' | 'synced' | 'error';
