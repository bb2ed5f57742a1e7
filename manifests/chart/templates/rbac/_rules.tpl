{{/* What a replica may do where Services are. Every line is a request that it makes; cli/check/grants.ts has the same. */}}
{{- define "kubervisor.rules" -}}
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [breaker.kubervisor.io]
  resources: [kubervisorservices]
  verbs: [get, list, watch]
- apiGroups: [breaker.kubervisor.io]
  resources: [kubervisorservices/status]
  verbs: [patch]
# Overrides that are over are deleted.
- apiGroups: [breaker.kubervisor.io]
  resources: [endpointoverrides]
  verbs: [list, watch, delete]
- apiGroups: [breaker.kubervisor.io]
  resources: [endpointoverrides/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- if .Values.workloads }}
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [list, watch]
{{- end }}
{{- with .Values.pods }}
{{- if or .evict .label .deletionCost }}
# A pod is read once more before anything is done to it.
- apiGroups: [""]
  resources: [pods]
  verbs: [get{{ if or .label .deletionCost }}, patch{{ end }}]
{{- end }}
{{- if .evict }}
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
{{- end }}
{{- end }}
{{- end -}}

{{/* What `kubervisor cleanup` needs where Services are. */}}
{{- define "kubervisor.cleanupRules" -}}
- apiGroups: [""]
  resources: [pods]
  verbs: [list, patch]
- apiGroups: [breaker.kubervisor.io]
  resources: [kubervisorservices]
  verbs: [list]
- apiGroups: [breaker.kubervisor.io]
  resources: [kubervisorservices/status, endpointoverrides/status]
  verbs: [patch]
- apiGroups: [breaker.kubervisor.io]
  resources: [endpointoverrides]
  verbs: [list, delete]
{{- end -}}

{{/* What `kubervisor check` looks at. */}}
{{- define "kubervisor.checkRules" -}}
- apiGroups: [""]
  resources: [services, pods]
  verbs: [list]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list]
- apiGroups: [breaker.kubervisor.io]
  resources: [kubervisorservices]
  verbs: [list]
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [list]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "kubervisor.fullname" . }}]
  verbs: [get]
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [get]
# Which options are switched on, and so which rights the replicas need.
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ include "kubervisor.fullname" . }}-config]
  verbs: [get]
# Whether the replicas may do what they have to is asked of the API server.
- apiGroups: [authorization.k8s.io]
  resources: [subjectaccessreviews]
  verbs: [create]
{{- end -}}

{{/* The rules of one account where Services are: in all namespaces, or in each that is named.
     root, name (of role and binding), account, rules, annotations (optional) */}}
{{- define "kubervisor.grant" -}}
{{- $it := . -}}
{{- $cluster := empty .root.Values.namespaces -}}
{{- range $namespace := ternary (list "") .root.Values.namespaces $cluster }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ ternary "ClusterRole" "Role" $cluster }}
metadata:
  name: {{ $it.name | quote }}
  {{- if not $cluster }}
  namespace: {{ $namespace | quote }}
  {{- end }}
  labels: {{- include "kubervisor.labels" $it.root | nindent 4 }}
  {{- with $it.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
rules:
  {{- $it.rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ ternary "ClusterRoleBinding" "RoleBinding" $cluster }}
metadata:
  name: {{ $it.name | quote }}
  {{- if not $cluster }}
  namespace: {{ $namespace | quote }}
  {{- end }}
  labels: {{- include "kubervisor.labels" $it.root | nindent 4 }}
  {{- with $it.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: {{ ternary "ClusterRole" "Role" $cluster }}, name: {{ $it.name | quote }}}
subjects:
  - {kind: ServiceAccount, name: {{ $it.account | quote }}, namespace: {{ $it.root.Release.Namespace | quote }}}
{{- end }}
{{- end -}}
