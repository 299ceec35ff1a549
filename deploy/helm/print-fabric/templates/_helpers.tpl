{{/* Every helper takes (dict "ctx" $ "component" "portmon"). */}}

{{- define "print-fabric.name" -}}
{{- default .ctx.Chart.Name .ctx.Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "print-fabric.fullname" -}}
{{- $name := include "print-fabric.name" . -}}
{{- if .ctx.Values.fullnameOverride -}}
{{- .ctx.Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .ctx.Release.Name -}}
{{- .ctx.Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .ctx.Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Where everything is that has a namespace. Takes the context itself. */}}
{{- define "print-fabric.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* Where a component is: port monitors may be in a namespace of their own. */}}
{{- define "print-fabric.componentnamespace" -}}
{{- $own := and (eq .component "portmon") .ctx.Values.portmon.namespaceOverride -}}
{{- default (include "print-fabric.namespace" .ctx) $own -}}
{{- end -}}

{{/* The pods of a component, as a peer in the policies of another ("of"). (dict "ctx" $ "component" … "of" …) */}}
{{- define "print-fabric.peer" -}}
{{- $namespace := include "print-fabric.componentnamespace" . -}}
- podSelector:
    matchLabels:
      {{- include "print-fabric.selectorLabels" . | nindent 6 }}
  {{- if ne $namespace (include "print-fabric.componentnamespace" (dict "ctx" .ctx "component" .of)) }}
  namespaceSelector:
    matchLabels: {kubernetes.io/metadata.name: {{ $namespace }}}
  {{- end }}
{{- end -}}

{{- define "print-fabric.componentname" -}}
{{- printf "%s-%s" (include "print-fabric.fullname" .) .component -}}
{{- end -}}

{{- define "print-fabric.selectorLabels" -}}
app.kubernetes.io/name: {{ include "print-fabric.name" . }}
app.kubernetes.io/instance: {{ .ctx.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "print-fabric.labels" -}}
{{ include "print-fabric.selectorLabels" . }}
app.kubernetes.io/version: {{ .ctx.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: print-fabric
app.kubernetes.io/managed-by: {{ .ctx.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .ctx.Chart.Name .ctx.Chart.Version | replace "+" "_" }}
{{- with .ctx.Values.global.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "print-fabric.metadata" -}}
name: {{ include "print-fabric.componentname" . }}
namespace: {{ include "print-fabric.componentnamespace" . }}
labels:
  {{- include "print-fabric.labels" . | nindent 2 }}
{{- end -}}

{{- define "print-fabric.image" -}}
{{- $image := (index .ctx.Values .component).image -}}
{{- $registry := .ctx.Values.global.imageRegistry -}}
{{- $repository := ternary (printf "%s/%s" (trimSuffix "/" $registry) $image.repository) $image.repository (ne $registry "") -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .ctx.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "print-fabric.tlsSecret" -}}
{{- if eq .ctx.Values.tls.mode "secrets" -}}
{{- required (printf "tls.mode is secrets: set tls.secrets.%s" .component) (index .ctx.Values.tls.secrets .component) -}}
{{- else -}}
{{- printf "%s-tls" (include "print-fabric.componentname" .) -}}
{{- end -}}
{{- end -}}

{{/* The name by which browsers reach the console. */}}
{{- define "print-fabric.consolehost" -}}
{{- get (required "without portui.console.origin there is no console to lead anybody to" .ctx.Values.portui.console.origin | urlParse) "hostname" -}}
{{- end -}}

{{/* The SPIFFE id of a component. */}}
{{- define "print-fabric.identity" -}}
{{- printf "spiffe://%s/%s" .ctx.Values.tls.trustDomain .component -}}
{{- end -}}

{{/* The Secret volume of a file, read by our group only. (dict "name" … "secret" (dict "existingSecret" … "key" …)) */}}
{{- define "print-fabric.secretfile" -}}
- name: {{ .name }}
  secret: {secretName: {{ .secret.existingSecret }}, defaultMode: 0440, items: [{key: {{ .secret.key }}, path: {{ .name }}}]}
{{- end -}}

{{/* The Service whose name has the addresses of all spoolers. */}}
{{- define "print-fabric.eachspooler" -}}
{{- printf "%s-each" (include "print-fabric.componentname" (dict "ctx" .ctx "component" "spooler")) -}}
{{- end -}}

{{/* Whom tokens that prove hosts are made for: nothing else takes them. Empty where port monitors prove themselves otherwise. */}}
{{- define "print-fabric.hostaudience" -}}
{{- if and (eq .ctx.Values.portmon.proof "token") (not .ctx.Values.portmon.dialOut.enabled) }}print-fabric-host{{ end -}}
{{- end -}}

{{/* Lets gateways speak TLS to a Service's port and know it. (dict … "port" … "authority" the ConfigMap with ca.crt) */}}
{{- define "print-fabric.backendtls" -}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata:
  {{- include "print-fabric.metadata" . | nindent 2 }}
spec:
  targetRefs:
    - {group: "", kind: Service, name: {{ include "print-fabric.componentname" . }}, sectionName: {{ .port }}}
  validation:
    caCertificateRefs:
      - {group: "", kind: ConfigMap, name: {{ .authority }}}
    hostname: {{ include "print-fabric.componentname" . }}.{{ include "print-fabric.namespace" .ctx }}.svc
{{- end -}}

{{/* With tokensOnly callers need no certificate. */}}
{{- define "print-fabric.toml.servertls" -}}
tls = { cert_file = "/etc/print-fabric/tls/tls.crt", key_file = "/etc/print-fabric/tls/tls.key", client_ca_file = "/etc/print-fabric/tls/ca.crt"{{ if .tokensOnly }}, require_client_certificate = false{{ end }} }
{{- end -}}

{{- define "print-fabric.toml.clienttls" -}}
tls = { ca_file = "/etc/print-fabric/tls/ca.crt", cert_file = "/etc/print-fabric/tls/tls.crt", key_file = "/etc/print-fabric/tls/tls.key"{{ with .peer }}, {{ $peer := dict "ctx" $.ctx "component" . }}server_name = {{ printf "%s.%s.svc" (include "print-fabric.componentname" $peer) (include "print-fabric.componentnamespace" $peer) | quote }}{{ end }} }
{{- end -}}

{{- define "print-fabric.toml.tracing" -}}
[tracing]
endpoint = {{ .Values.tracing.endpoint | quote }}
ratio = {{ .Values.tracing.ratio }}
{{- end -}}
