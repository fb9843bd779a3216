{{/* Names, labels, images: what every manifest has. */}}

{{- define "vedette.name" -}}
{{- if contains "vedette" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-vedette" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Selector of a component: (dict "root" $ "component" "gateway" "model" "") */}}
{{- define "vedette.selector" -}}
app.kubernetes.io/name: vedette
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with .model }}
vedette.dev/model: {{ . }}
{{- end }}
{{- end }}

{{- define "vedette.labels" -}}
{{ include "vedette.selector" . }}
app.kubernetes.io/part-of: vedette
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* The kinds of pods of Vedette's own, as JSON */}}
{{- define "vedette.components" -}}
{{- $components := list "gateway" "inference" "events" -}}
{{- if .Values.config.hub }}{{ $components = append $components "hub" }}{{ end -}}
{{ toJson $components }}
{{- end }}

{{/* Role on the bus of a component: that of the hub is a command's */}}
{{- define "vedette.role" -}}{{ ternary "operator" . (eq . "hub") }}{{- end }}

{{/* Image of a short name: (dict "root" $ "image" "gateway") */}}
{{- define "vedette.image" -}}
{{- $image := .root.Values.image -}}
{{- $name := printf "%s/vedette-%s" $image.repository .image -}}
{{- with get $image.digests .image -}}
{{ $name }}@{{ . }}
{{- else -}}
{{ $name }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* A quantity of CPU in whole cores, at least 1: "2", 2, "1500m" */}}
{{- define "vedette.cores" -}}
{{- $text := toString . -}}
{{- if hasSuffix "m" $text -}}
{{ max 1 (div (trimSuffix "m" $text | int) 1000) }}
{{- else -}}
{{ max 1 (float64 $text | floor | int) }}
{{- end -}}
{{- end }}

{{/* What a model is run with: its own values before those of modelDefaults, as YAML. (dict "root" $ "key" "coco-detector") */}}
{{- define "vedette.model" -}}
{{- $own := get .root.Values.models .key | default dict -}}
{{- $model := mustMergeOverwrite (deepCopy .root.Values.modelDefaults) (deepCopy $own) -}}
{{- $gpu := gt (int $model.gpu.count) 0 -}}
{{- $cores := include "vedette.cores" (dig "limits" "cpu" "1" $model.resources) | int -}}
{{- $sessions := int $model.sessions | default (ternary 2 $cores $gpu) -}}
{{- $_ := set $model "model" ($model.model | default .key) -}}
{{- $_ := set $model "device" ($model.device | default (ternary "cuda" "cpu" $gpu)) -}}
{{- $_ := set $model "sessions" $sessions -}}
{{- $_ := set $model "threads" (int $model.threads | default (max 1 (div $cores $sessions))) -}}
{{- $_ := set $model "image" (ternary "inference-gpu" "inference" $gpu) -}}
{{ toYaml $model }}
{{- end }}

{{/* Seconds that a request may take, and a pod goes on after it was taken out of its Service */}}
{{- define "vedette.requestSeconds" -}}
{{ dig "inference" "request_timeout_s" 10 .Values.config | float64 | ceil | int }}
{{- end }}
{{- define "vedette.modelDrainSeconds" -}}
{{ add 5 (include "vedette.requestSeconds" . | int) }}
{{- end }}

{{- define "vedette.natsHost" -}}{{ printf "%s-nats" .Release.Name | trunc 52 | trimSuffix "-" }}{{- end }}
{{- define "vedette.natsSecret" -}}
{{ .Values.nats.existingSecret | default (printf "%s-nats" .Release.Name | trunc 52 | trimSuffix "-") }}
{{- end }}
{{/* The Secret with the certificate of Vedette's processes towards the bus, or nothing */}}
{{- define "vedette.natsClientTls" -}}
{{- if .Values.nats.tls.clientSecret -}}
{{ .Values.nats.tls.clientSecret }}
{{- else if and .Values.nats.enabled .Values.nats.tls.enabled -}}
{{ include "vedette.natsHost" . }}-client-tls
{{- end -}}
{{- end }}
{{- define "vedette.keysSecret" -}}
{{ .Values.secrets.keys | default (printf "%s-keys" (include "vedette.name" .)) }}
{{- end }}
