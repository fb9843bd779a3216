{{/* Mistakes that a schema can't tell in words. Each is a sentence that names the value. */}}

{{/* Helm reads YAML 1.1: an `on:` without quotes becomes the key true */}}
{{- define "vedette.noBooleanKeys" -}}
{{- $path := .path -}}
{{- if kindIs "map" .value -}}
{{- range $key, $value := .value -}}
{{- if has $key (list "true" "false") -}}
{{- fail (printf "%s: has the key %s: an on, off, yes or no without quotes; write \"on\":" $path $key) -}}
{{- end -}}
{{- include "vedette.noBooleanKeys" (dict "value" $value "path" (printf "%s.%s" $path $key)) -}}
{{- end -}}
{{- else if kindIs "slice" .value -}}
{{- range $index, $value := .value -}}
{{- include "vedette.noBooleanKeys" (dict "value" $value "path" (printf "%s[%d]" $path $index)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Certificates of the bus, and the users of a hub's sites */}}
{{- define "vedette.busMistakes" -}}
{{- $nats := .Values.nats -}}
{{- if and $nats.enabled $nats.tls.enabled (ne (empty $nats.tls.serverSecret) (empty $nats.tls.clientSecret)) -}}
{{- fail "nats.tls: serverSecret and clientSecret go together; without both the chart makes the certificates" -}}
{{- end -}}
{{- if and $nats.enabled (not $nats.tls.enabled) $nats.tls.clientSecret -}}
{{- fail "nats.tls.clientSecret: is of no use with nats.tls.enabled: false" -}}
{{- end -}}
{{- if and (not $nats.enabled) $nats.tls.clientSecret (not (hasPrefix "tls://" $nats.url)) -}}
{{- fail "nats.tls.clientSecret: wants a nats.url tls://…" -}}
{{- end -}}
{{- if and $nats.leaf.sites (not (and $nats.enabled $nats.tls.enabled $nats.leaf.users)) -}}
{{- fail "nats.leaf.sites: wants nats.enabled, nats.tls.enabled and the Secret nats.leaf.users" -}}
{{- end -}}
{{- if ne (empty $nats.uplink.site) (empty $nats.uplink.secret) -}}
{{- fail "nats.uplink: site and secret go together" -}}
{{- end -}}
{{- if $nats.uplink.site -}}
{{- if ne $nats.uplink.site .Values.site -}}
{{- fail (printf "nats.uplink.site: is %s, and site is %s" $nats.uplink.site .Values.site) -}}
{{- end -}}
{{- if not $nats.enabled -}}
{{- fail "nats.uplink: is of the bundled server, and nats.enabled is false" -}}
{{- end -}}
{{- if or $nats.leaf.sites .Values.config.hub -}}
{{- fail "nats.uplink: and a hub exclude each other: a hub is no leaf of another one here" -}}
{{- end -}}
{{- end -}}
{{- if and $nats.enabled (hasSuffix "Gi" $nats.fileStore) -}}
{{- $kept := .Values.config.retention | default dict -}}
{{- $wanted := 1.0 -}}
{{- range $key, $usual := dict "detections_gib" 10 "events_gib" 10 "snapshots_gib" 10 -}}
{{- $wanted = addf $wanted (dig $key $usual $kept) -}}
{{- end -}}
{{- range $key, $usual := dict "clips_mib" 1024 "dead_mib" 256 "audit_mib" 256 -}}
{{- $wanted = addf $wanted (divf (dig $key $usual $kept) 1024) -}}
{{- end -}}
{{- if gt $wanted (trimSuffix "Gi" $nats.fileStore | float64) -}}
{{- fail (printf "nats.fileStore: %s is too small: config.retention asks for %.1fGi" $nats.fileStore $wanted) -}}
{{- end -}}
{{- end -}}
{{- with .Values.config.hub -}}
{{- if $nats.enabled -}}
{{- range concat (.sites | default list) (.frames_from | default list) -}}
{{- if not (has . $nats.leaf.sites) -}}
{{- fail (printf "config.hub: %s is not in nats.leaf.sites, so that the server doesn't know it" .) -}}
{{- end -}}
{{- end -}}
{{- else if and $nats.credentials (not $nats.credentials.operator) -}}
{{- fail "nats.credentials.operator: is needed for config.hub" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "vedette.mistakes" -}}
{{- $values := .Values -}}
{{- if hasKey $values.config "uplink" -}}
{{- fail "config.uplink: is of the embedded server; see nats.uplink" -}}
{{- end -}}
{{- if has $values.image.tag (list "latest" "main" "master" "edge" "stable" "nightly") -}}
{{- fail (printf "image.tag: %s is another image tomorrow; name a version, or digests" $values.image.tag) -}}
{{- end -}}
{{- range $key, $where := dict "site" "site" "listen" "the chart, its ports are fixed" "simulator" "nobody: simulate cameras outside of the cluster" -}}
{{- if hasKey $values.config $key -}}
{{- fail (printf "config.%s: is set by %s" $key $where) -}}
{{- end -}}
{{- end -}}
{{- include "vedette.noBooleanKeys" (dict "value" $values.config "path" "config") -}}
{{- if and $values.nats.enabled $values.nats.url -}}
{{- fail "nats.url: is of an existing server, and nats.enabled: true runs another one; set nats.enabled: false" -}}
{{- end -}}
{{- if not (or $values.nats.enabled $values.nats.url) -}}
{{- fail "nats.url: is needed where nats.enabled is false, as in nats://nats.messaging:4222" -}}
{{- end -}}
{{- if and $values.nats.enabled $values.nats.credentials -}}
{{- fail "nats.credentials: are of an existing server, and nats.enabled: true runs another one" -}}
{{- end -}}
{{- include "vedette.busMistakes" . -}}
{{- if lt (int $values.gateway.terminationGracePeriodSeconds) (add 15 (int $values.gateway.drainSeconds) | int) -}}
{{- fail (printf "gateway.terminationGracePeriodSeconds: %d s is too short: gateway.drainSeconds (%d s) and 15 s for the process itself are needed" (int $values.gateway.terminationGracePeriodSeconds) (int $values.gateway.drainSeconds)) -}}
{{- end -}}
{{- $drain := include "vedette.modelDrainSeconds" . | int -}}
{{- range $key := keys $values.models -}}
{{- $model := include "vedette.model" (dict "root" $ "key" $key) | fromYaml -}}
{{- if lt (int $model.terminationGracePeriodSeconds) (add $drain 10 | int) -}}
{{- fail (printf "models.%s.terminationGracePeriodSeconds: %d s is too short: %d s of drain (5 s and inference.request_timeout_s) and 10 s for the process itself are needed" $key (int $model.terminationGracePeriodSeconds) $drain) -}}
{{- end -}}
{{- if and $model.gpu.type (not (int $model.gpu.count)) -}}
{{- fail (printf "models.%s.gpu.type: says which GPU, and gpu.count is 0" $key) -}}
{{- end -}}
{{- if gt (int $model.autoscaling.minReplicas) (int $model.autoscaling.maxReplicas) -}}
{{- fail (printf "models.%s.autoscaling: minReplicas is above maxReplicas" $key) -}}
{{- end -}}
{{- end -}}
{{- if $values.istio.enabled -}}
{{- $known := keys $values.models | sortAlpha -}}
{{- $detect := $values.istio.detect -}}
{{- if and (gt (int $detect.canaryWeight) 0) (not $detect.canaryVersion) -}}
{{- fail "istio.detect.canaryWeight: there is no canary without istio.detect.canaryVersion" -}}
{{- end -}}
{{- if not (has $detect.model $known) -}}
{{- fail (printf "istio.detect.model: %s is no key of models (%s)" $detect.model (join ", " $known)) -}}
{{- end -}}
{{- range $detect.versions -}}
{{- if not (has .model $known) -}}
{{- fail (printf "istio.detect.versions: %s is no key of models (%s)" .model (join ", " $known)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
