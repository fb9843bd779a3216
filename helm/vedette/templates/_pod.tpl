{{/* What the pods of Vedette have in common. */}}

{{/* Above the containers: (dict "root" $ "component" … "model" … "values" …) */}}
{{- define "vedette.podHead" -}}
serviceAccountName: {{ include "vedette.name" .root }}-{{ .component }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.topologySpread }}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ $.root.Values.topologySpread }}
    labelSelector:
      matchLabels:
        {{- include "vedette.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end }}

{{- define "vedette.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Environment: (dict "root" $ "component" … "device" … "sessions" … "threads" …) */}}
{{- define "vedette.env" -}}
- name: VEDETTE_DEVICE
  value: {{ .device | default "cpu" | quote }}
- name: VEDETTE_SESSIONS
  value: {{ .sessions | default 1 | quote }}
- name: VEDETTE_THREADS
  value: {{ .threads | default 1 | quote }}
- name: VEDETTE_DECODE_PROCESSES
  value: {{ .decodeProcesses | default 1 | quote }}
{{- if .root.Values.nats.enabled }}
- name: VEDETTE_NATS_USER
  value: {{ include "vedette.role" .component }}
- name: VEDETTE_NATS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "vedette.natsSecret" .root }}
      key: {{ include "vedette.role" .component }}
{{- end }}
{{- with .values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "vedette.envFrom" -}}
{{- $names := .Values.secrets.existing -}}
{{- if .Values.secrets.create -}}
{{- $names = append $names (printf "%s-env" (include "vedette.name" .)) -}}
{{- end -}}
{{- with $names }}
envFrom:
  {{- range . }}
  - secretRef:
      name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* (dict "root" $ "component" …) */}}
{{- define "vedette.mounts" -}}
- name: config
  mountPath: /etc/vedette
  readOnly: true
{{- if .keys }}
- name: keys
  mountPath: /run/secrets/vedette
  readOnly: true
{{- end }}
- name: state
  mountPath: /var/lib/vedette
- name: cache
  mountPath: /var/cache/vedette
- name: tmp
  mountPath: /tmp
{{- if include "vedette.credentials" . }}
- name: nats
  mountPath: /run/secrets/nats
  readOnly: true
{{- end }}
{{- if include "vedette.natsClientTls" .root }}
- name: nats-tls
  mountPath: /run/secrets/nats-tls
  readOnly: true
{{- end }}
{{- range .root.Values.secrets.files }}
- name: {{ printf "files-%s" . | trunc 63 | trimSuffix "-" }}
  mountPath: /run/secrets/{{ . }}
  readOnly: true
{{- end }}
{{- end }}

{{/* (dict "root" $ "component" … "values" …) */}}
{{- define "vedette.volumes" -}}
- name: config
  configMap:
    name: {{ include "vedette.name" .root }}
{{- with .keys }}
- name: keys
  secret:
    secretName: {{ include "vedette.keysSecret" $.root }}
    defaultMode: 0440
    optional: true # a process that needs a key which is not there says so
    items:
      {{- range . }}
      - key: {{ . }}
        path: {{ . }}
      {{- end }}
{{- end }}
- name: state # fetched models lie in it
  emptyDir:
    sizeLimit: {{ .values.cacheSize | default "64Mi" }}
- name: tmp
  emptyDir:
    sizeLimit: 1Gi
- name: cache
  {{- if .values.cacheClaim }}
  persistentVolumeClaim:
    claimName: {{ .values.cacheClaim }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ .values.cacheSize | default "64Mi" }}
  {{- end }}
{{- with include "vedette.credentials" . }}
- name: nats
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with include "vedette.natsClientTls" .root }}
- name: nats-tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- range .root.Values.secrets.files }}
- name: {{ printf "files-%s" . | trunc 63 | trimSuffix "-" }}
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{/* The Secret with the role's .creds file, or nothing */}}
{{- define "vedette.credentials" -}}
{{- if not .root.Values.nats.enabled }}{{ get .root.Values.nats.credentials (include "vedette.role" .component) }}{{ end -}}
{{- end }}

{{/* A probe's question: (dict "scheme" "http" "path" "/readyz" "port" "http") */}}
{{- define "vedette.probe" -}}
{{- if eq .scheme "tcp" -}}
tcpSocket:
  port: {{ .port }}
{{- else -}}
httpGet:
  path: {{ .path }}
  port: {{ .port }}
  scheme: {{ upper .scheme }}
{{- end }}
timeoutSeconds: 5
{{- end }}

{{- define "vedette.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
