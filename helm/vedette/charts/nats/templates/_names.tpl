{{- define "nats.name" -}}{{ printf "%s-nats" .Release.Name | trunc 52 | trimSuffix "-" }}{{- end }}
{{- define "nats.selector" -}}
app.kubernetes.io/name: nats
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "nats.labels" -}}
{{ include "nats.selector" . }}
app.kubernetes.io/component: nats
app.kubernetes.io/part-of: vedette
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
