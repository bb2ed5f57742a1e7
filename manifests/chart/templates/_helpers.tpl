{{/* Names, labels, and what several objects share. */}}
{{- define "kubervisor.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* Short enough for what is added to it. */}}
{{- define "kubervisor.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "kubervisor.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "kubervisor.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "kubervisor.selector" -}}
app.kubernetes.io/name: {{ include "kubervisor.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: controller
{{- end -}}

{{- define "kubervisor.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "kubervisor.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: kubervisor
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "kubervisor.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "kubervisor.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "kubervisor.image" -}}
{{- $repository := required "image.repository is needed: no image is published. Build one from the Dockerfile, push it, and name it" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Keys that the chart sets itself: twice in a map they are no YAML, and with another value nothing selects the replicas.
     of (name of the value), map, own (prefixes) */}}
{{- define "kubervisor.notOurs" -}}
{{- range $key, $_ := .map -}}
{{- range $prefix := $.own -}}
{{- if hasPrefix $prefix $key -}}{{- fail (printf "%s: %s is set by the chart itself" $.of $key) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What a schema cannot say: values that are right by themselves, and together make something that never runs. */}}
{{- define "kubervisor.validate" -}}
{{- $name := include "kubervisor.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- fail (printf "no Service can be called %s: set fullnameOverride to letters, digits and -, a letter first" $name) -}}
{{- end -}}
{{- with .Values -}}
{{- $ports := dict -}}
{{- range $value, $port := dict "xds.port" .xds.port "telemetry.port" .telemetry.port "admin.httpPort" .admin.httpPort "admin.grpcPort" .admin.grpcPort -}}
{{- $at := toString $port -}}
{{- if hasKey $ports $at -}}{{- fail (printf "%s and %s are both %s: one process listens on all of them" (get $ports $at) $value $at) -}}{{- end -}}
{{- $_ := set $ports $at $value -}}
{{- end -}}
{{- if and .podDisruptionBudget.enabled (gt (int .replicas) 1) (ge (int .podDisruptionBudget.minAvailable) (int .replicas)) -}}
{{- fail "podDisruptionBudget.minAvailable must be less than replicas: no node with a replica could be drained" -}}
{{- end -}}
{{- $labels := list "app.kubernetes.io/" "helm.sh/" -}}
{{- include "kubervisor.notOurs" (dict "of" "podLabels" "map" .podLabels "own" $labels) -}}
{{- include "kubervisor.notOurs" (dict "of" "serviceMonitor.labels" "map" .serviceMonitor.labels "own" $labels) -}}
{{- include "kubervisor.notOurs" (dict "of" "podAnnotations" "map" .podAnnotations "own" (list "checksum/config" "kubectl.kubernetes.io/default-container")) -}}
{{- end -}}
{{- end -}}

{{/* The Secret with the certificate of the xDS port; empty: plain text. */}}
{{- define "kubervisor.xdsSecret" -}}
{{- with .Values.xds -}}
{{- $ways := 0 -}}
{{- if .insecure -}}{{- $ways = add1 $ways -}}{{- end -}}
{{- if .tls.secretName -}}{{- $ways = add1 $ways -}}{{- end -}}
{{- if .tls.certManager.enabled -}}{{- $ways = add1 $ways -}}{{- end -}}
{{- if ne (int $ways) 1 -}}
{{- fail "xds needs exactly one of tls.secretName, tls.certManager.enabled and insecure: true: say how Envoys are to connect" -}}
{{- end -}}
{{- if .tls.certManager.enabled -}}
{{- include "kubervisor.fullname" $ }}-xds-tls
{{- else -}}
{{- .tls.secretName -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "bearer", "mtls", or empty: the admin API is on loopback. */}}
{{- define "kubervisor.adminAuth" -}}
{{- with .Values.admin.auth -}}
{{- if and .bearerSecretName .mtlsSecretName -}}
{{- fail "admin.auth takes bearerSecretName or mtlsSecretName, not both" -}}
{{- end -}}
{{- if .bearerSecretName -}}bearer{{- else if .mtlsSecretName -}}mtls{{- end -}}
{{- end -}}
{{- end -}}

{{/* Refused by namespaces with the label pod-security.kubernetes.io/enforce: restricted, if anything here is missing. */}}
{{- define "kubervisor.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "kubervisor.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Options of the command line that say where the replicas are. */}}
{{- define "kubervisor.place" -}}
- --controller-namespace={{ .Release.Namespace }}
- --lease={{ include "kubervisor.fullname" . }}
{{- end -}}

{{/* The serving config. Only what differs from its defaults, or is ours to say. */}}
{{- define "kubervisor.config" -}}
{{- $v := .Values -}}
{{- $xds := dict "listen" (printf "%s:%v" $v.xds.host $v.xds.port) -}}
{{- if include "kubervisor.xdsSecret" . -}}
{{- $tls := dict "certFile" "/etc/kubervisor/xds-tls/tls.crt" "keyFile" "/etc/kubervisor/xds-tls/tls.key" -}}
{{- if $v.xds.tls.clientCa.secretName -}}
{{- $_ := set $tls "clientCaFile" (printf "/etc/kubervisor/xds-client-ca/%s" $v.xds.tls.clientCa.key) -}}
{{- end -}}
{{- $_ := set $xds "tls" $tls -}}
{{- else -}}
{{- if $v.xds.tls.clientCa.secretName -}}
{{- fail "xds.tls.clientCa needs xds.tls.secretName or xds.tls.certManager: in plain text nobody shows a certificate" -}}
{{- end -}}
{{- $_ := set $xds "insecure" true -}}
{{- end -}}
{{- if $v.xds.identity -}}{{- $_ := set $xds "identity" $v.xds.identity -}}{{- end -}}
{{- if $v.xds.limits -}}{{- $_ := set $xds "limits" $v.xds.limits -}}{{- end -}}
{{- $auth := dict -}}
{{- if eq (include "kubervisor.adminAuth" .) "bearer" -}}
{{- $auth = dict "bearerFile" "/etc/kubervisor/admin/tokens" -}}
{{- else if eq (include "kubervisor.adminAuth" .) "mtls" -}}
{{- $auth = dict "mtls" (dict "caFile" "/etc/kubervisor/admin/ca.crt" "certFile" "/etc/kubervisor/admin/tls.crt" "keyFile" "/etc/kubervisor/admin/tls.key") -}}
{{- end -}}
{{- $adminHost := ternary $v.xds.host "127.0.0.1" (ne (len $auth) 0) -}}
{{- $http := dict "listen" (printf "%s:%v" $adminHost $v.admin.httpPort) -}}
{{- if $auth -}}{{- $_ := set $http "auth" $auth -}}{{- end -}}
{{- $kubernetes := dict "workloads" $v.workloads "pods" $v.pods -}}
{{- if $v.namespaces -}}{{- $_ := set $kubernetes "namespaces" $v.namespaces -}}{{- end -}}
{{- $config := dict
  "xds" $xds
  "http" $http
  "grpcAdmin" (dict "listen" (printf "%s:%v" $adminHost $v.admin.grpcPort))
  "telemetry" (dict "listen" (printf "%s:%v" $v.xds.host $v.telemetry.port))
  "source" (dict "kubernetes" $kubernetes)
  "replicas" (dict "namespace" .Release.Namespace "lease" (include "kubervisor.fullname" .))
  "metricSources" $v.metricSources
  "defaultEnforcement" $v.defaultEnforcement
  "maxEjectionsPerMinute" (int $v.maxEjectionsPerMinute)
  "log" $v.log
-}}
{{- if $v.timing -}}{{- $_ := set $config "timing" $v.timing -}}{{- end -}}
{{- toYaml $config -}}
{{- end -}}
