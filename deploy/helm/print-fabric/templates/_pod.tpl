{{/* The parts of a pod that all components share, so that they cannot drift apart. (dict "ctx" $ "component" … "service" …) */}}

{{- define "print-fabric.podmeta" -}}
annotations:
  checksum/config: {{ include (print .ctx.Template.BasePath "/" .component "/configmap.yaml") .ctx | sha256sum }}
  {{- with (index .ctx.Values .component).podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
labels:
  {{- include "print-fabric.labels" . | nindent 2 }}
  {{- with (index .ctx.Values .component).podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "print-fabric.podspec" -}}
{{- $own := index .ctx.Values .component -}}
serviceAccountName: {{ include "print-fabric.componentname" . }}
enableServiceLinks: false
{{- with .ctx.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- $selector := dict "matchLabels" (include "print-fabric.selectorLabels" $ | fromYaml) }}
  {{- range . }}
  - {{- merge (deepCopy .) (dict "labelSelector" $selector) | toYaml | nindent 4 }}
  {{- end }}
{{- end }}
{{- with $own.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "print-fabric.container" -}}
{{- $own := index .ctx.Values .component -}}
name: {{ .component }}
image: {{ include "print-fabric.image" . | quote }}
imagePullPolicy: {{ $own.image.pullPolicy }}
args:
  - --config=/etc/print-fabric/{{ .component }}.toml
  {{- with $own.extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  {{- with .port }}
  - {name: grpc, containerPort: {{ . }}, protocol: TCP}
  {{- end }}
  - {name: health, containerPort: 8081, protocol: TCP}
  - {name: metrics, containerPort: 9464, protocol: TCP}
  {{- with .webPort }}
  - {name: web, containerPort: {{ . }}, protocol: TCP}
  {{- end }}
startupProbe:
  grpc: {port: 8081, service: startup}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  grpc: {port: 8081, service: liveness}
  periodSeconds: 20
  timeoutSeconds: 5
readinessProbe:
  grpc: {port: 8081, service: {{ .service }}}
  periodSeconds: 5
lifecycle:
  preStop:
    sleep: {seconds: 3}
resources:
  {{- $resources := deepCopy $own.resources }}
  {{- if .limits }}{{ $resources = mergeOverwrite $resources (dict "limits" .limits) }}{{ end }}
  {{- toYaml $resources | nindent 2 }}
{{- end -}}

{{- define "print-fabric.mounts" -}}
- {name: config, mountPath: /etc/print-fabric/{{ .component }}.toml, subPath: {{ .component }}.toml, readOnly: true}
- {name: tmp, mountPath: /tmp}
- {name: tls, mountPath: /etc/print-fabric/tls, readOnly: true}
{{- with (index .ctx.Values .component).extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "print-fabric.volumes" -}}
- name: config
  configMap: {name: {{ include "print-fabric.componentname" . }}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 16Mi}
- name: tls
  secret: {secretName: {{ include "print-fabric.tlsSecret" . }}, defaultMode: 0440}
{{- with (index .ctx.Values .component).extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "print-fabric.unprivileged" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "print-fabric.podsecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}
