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

{{/* Of a block `tls`: what the server shows, and who may connect */}}
{{- define "nats.tlsFiles" -}}
cert_file: /run/secrets/nats-tls/tls.crt
key_file: /run/secrets/nats-tls/tls.key
ca_file: /run/secrets/nats-tls/ca.crt
{{- end }}

{{/* The users of the roles, and those of sites: the Secret has a file for each */}}
{{- define "nats.users" -}}
{{- $users := .Files.Get "files/users.conf" -}}
{{- if .Values.leaf.sites -}}
{{ trimSuffix "]\n" $users -}}
{{- range .Values.leaf.sites }}
{{- /* a path is relative to the file that includes it */}}
  {include "../../run/secrets/nats-sites/{{ . }}.conf"}
{{- end }}
]
{{- else -}}
{{ $users }}
{{- end -}}
{{- end }}
