{{/* The configuration file: the user's, and what the chart knows better. */}}

{{/* http or https, as the inference processes serve; tcp where a probe could not get in (mutual TLS) */}}
{{- define "vedette.servingScheme" -}}
{{- $tls := dig "serving" "tls" nil .Values.config -}}
{{- if not $tls }}http{{ else if dig "client_ca" "" $tls }}tcp{{ else }}https{{ end -}}
{{- end }}

{{- define "vedette.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "site" .Values.site -}}
{{- $scheme := ternary "tls" "nats" .Values.nats.tls.enabled -}}
{{- $nats := dict "url" (printf "%s://${VEDETTE_NATS_USER}:${VEDETTE_NATS_PASSWORD}@%s:4222" $scheme (include "vedette.natsHost" .)) -}}
{{- if .Values.nats.enabled -}}
{{- $_ := set $nats "replicas" (min 3 (int .Values.nats.replicas)) -}}
{{- else -}}
{{- $_ := set $nats "url" .Values.nats.url -}}
{{- $_ := set $nats "replicas" (int .Values.nats.streamReplicas) -}}
{{- if .Values.nats.credentials -}}
{{- $_ := set $nats "credentials" "${file:/run/secrets/nats/nats.creds}" -}}
{{- end -}}
{{- end -}}
{{- if include "vedette.natsClientTls" . -}}
{{- $files := "/run/secrets/nats-tls" -}}
{{- $_ := set $nats "tls" (dict "ca" (printf "%s/ca.crt" $files) "certificate" (printf "%s/tls.crt" $files) "key" (printf "%s/tls.key" $files)) -}}
{{- end -}}
{{- $_ := set $config "nats" (mustMergeOverwrite (deepCopy (dig "nats" dict $config)) $nats) -}}
{{- $ours := dict
      "models" (dict "path" "/usr/share/vedette/models")
      "gateway" (dict "decode_processes" "${VEDETTE_DECODE_PROCESSES}" "key_file" "/run/secrets/vedette/cameras.key")
      "identities" (dict "key_file" "/run/secrets/vedette/identities.key")
      "inference" (dict "device" "${VEDETTE_DEVICE}" "sessions" "${VEDETTE_SESSIONS}" "threads" "${VEDETTE_THREADS}") -}}
{{- if or (dig "models" "bucket" "" $config) (dig "models" "url" "" $config) -}}
{{- $_ := unset $ours "models" -}}
{{- end -}}
{{- range $key, $part := $ours -}}
{{- $_ := set $config $key (mustMergeOverwrite $part (get $config $key | default dict)) -}}
{{- end -}}
{{ toYaml $config }}
{{- end }}

{{/* Changes with what a running process does not follow: all but the cameras, which gateways watch */}}
{{- define "vedette.checksums" -}}
checksum/config: {{ omit (include "vedette.config" . | fromYaml) "cameras" | toYaml | sha256sum }}
checksum/secrets: {{ toYaml .Values.secrets.create | sha256sum }}
{{- end }}
