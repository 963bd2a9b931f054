{{- define "enchanted.labels" -}}
app.kubernetes.io/part-of: enchanted-swarm
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/component: {{ .component }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "enchanted.selector" -}}
app.kubernetes.io/part-of: enchanted-swarm
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Restricted Pod Security for every pod of the chart. */}}
{{- define "enchanted.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "enchanted.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* A credential kept over upgrades: what the Secret holds, else a fresh one. Arguments: root, secret, key. */}}
{{- define "enchanted.kept" -}}
{{- $found := lookup "v1" "Secret" .root.Release.Namespace .secret -}}
{{- if and $found (hasKey (default dict $found.data) .key) -}}
{{ index $found.data .key | b64dec }}
{{- else -}}
{{ randAlphaNum 32 }}
{{- end -}}
{{- end }}

{{/* Secret with the credentials of a store: yours, or the one that the chart makes for a bundled one. Arguments: name, store. */}}
{{- define "enchanted.storeSecret" -}}
{{- if and .store.bundled (not .store.existingSecret) -}}enchanted-{{ .name }}{{- else -}}{{ required (printf "%s.existingSecret is required with %s.bundled=false" .name .name) .store.existingSecret }}{{- end -}}
{{- end }}

{{- define "enchanted.natsUrl" -}}
{{- if .Values.nats.bundled -}}nats://enchanted-nats:4222{{- else -}}{{ required "nats.url is required with nats.bundled=false" .Values.nats.url }}{{- end -}}
{{- end }}
{{- define "enchanted.natsSecret" -}}
{{- include "enchanted.storeSecret" (dict "name" "nats" "store" .Values.nats) -}}
{{- end }}

{{- define "enchanted.clickhouseUrl" -}}
{{- if .Values.clickhouse.bundled -}}http://enchanted-clickhouse:8123{{- else -}}{{ required "clickhouse.url is required with clickhouse.bundled=false" .Values.clickhouse.url }}{{- end -}}
{{- end }}
{{- define "enchanted.clickhouseSecret" -}}
{{- include "enchanted.storeSecret" (dict "name" "clickhouse" "store" .Values.clickhouse) -}}
{{- end }}

{{- define "enchanted.s3Endpoint" -}}
{{- if .Values.s3.bundled -}}http://enchanted-s3:7070{{- else -}}{{ required "s3.endpoint is required with s3.bundled=false" .Values.s3.endpoint }}{{- end -}}
{{- end }}
{{- define "enchanted.s3Secret" -}}
{{- include "enchanted.storeSecret" (dict "name" "s3" "store" .Values.s3) -}}
{{- end }}

{{- define "enchanted.jaegerEndpoint" -}}
{{- if .Values.jaeger.bundled -}}http://enchanted-jaeger:4317{{- else -}}{{ .Values.jaeger.endpoint }}{{- end -}}
{{- end }}

{{- define "enchanted.natsEnv" -}}
- { name: NATS_URL, value: {{ include "enchanted.natsUrl" .root | quote }} }
- { name: NATS_USER, value: {{ .user }} }
- name: NATS_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ include "enchanted.natsSecret" .root }}, key: {{ .user }}-password } }
{{- end }}

{{/* How the streams are kept. */}}
{{- define "enchanted.streamEnv" -}}
- { name: NATS_REPLICAS, value: {{ .Values.nats.replicas | quote }} }
{{- with .Values.nats.streamSize }}
- { name: NATS_STREAM_SIZE, value: {{ . }} }
{{- end }}
{{- end }}

{{- define "enchanted.s3Env" -}}
- { name: S3_ENDPOINT, value: {{ include "enchanted.s3Endpoint" . | quote }} }
- { name: S3_REGION, value: {{ .Values.s3.region | quote }} }
- { name: S3_BUCKET, value: {{ .Values.s3.bucket | quote }} }
- name: S3_ACCESS_KEY_ID
  valueFrom: { secretKeyRef: { name: {{ include "enchanted.s3Secret" . }}, key: accessKeyId } }
- name: S3_SECRET_ACCESS_KEY
  valueFrom: { secretKeyRef: { name: {{ include "enchanted.s3Secret" . }}, key: secretAccessKey } }
{{- end }}

{{/* The CA and a certificate for each server, as data of a Secret: made once and kept over upgrades, the same in all of a rendering. */}}
{{- define "enchanted.tlsData" -}}
{{- if not (hasKey .Values "madeTls") }}
{{- $kept := lookup "v1" "Secret" .Release.Namespace "enchanted-tls" }}
{{- $data := dict }}
{{- if $kept }}
{{- $data = $kept.data }}
{{- else }}
{{- $ca := genCA "enchanted-swarm" 3650 }}
{{- $_ := set $data "ca.crt" ($ca.Cert | b64enc) }}
{{- range list "enchanted-collector" "enchanted-gateway" }}
{{- $names := list . (printf "%s.%s" . $.Release.Namespace) (printf "%s.%s.svc" . $.Release.Namespace) }}
{{- /* What kubectl port-forward opens is called localhost. */}}
{{- if eq . "enchanted-collector" }}{{ $names = append $names "localhost" }}{{ end }}
{{- $cert := genSignedCert . nil $names 3650 $ca }}
{{- $_ := set $data (printf "%s.crt" .) ($cert.Cert | b64enc) }}
{{- $_ := set $data (printf "%s.key" .) ($cert.Key | b64enc) }}
{{- end }}
{{- end }}
{{- $_ := set .Values "madeTls" $data }}
{{- end }}
{{- toYaml .Values.madeTls }}
{{- end }}

{{/* What collector and gateway read of certificates when they start: they are restarted when it changes. */}}
{{- define "enchanted.tlsChecksum" -}}
{{- $own := .Values.tls.caCertificate | default (include "enchanted.tlsData" .) -}}
{{- printf "%s\n%s" $own .Values.caBundle | sha256sum -}}
{{- end }}

{{/* Image of a component, by digest. Arguments: root, name. */}}
{{- define "enchanted.image" -}}
{{ required (printf "images.%s is required (an image by digest); `make up` builds the images and fills it in" .name) (index .root.Values.images .name) }}
{{- end }}

{{/* Health of a component on its port 8080. */}}
{{- define "enchanted.probes" -}}
startupProbe: { httpGet: { path: /healthz, port: health }, periodSeconds: 1, failureThreshold: 120 }
livenessProbe: { httpGet: { path: /healthz, port: health }, periodSeconds: 10, failureThreshold: 6 }
readinessProbe: { httpGet: { path: /readyz, port: health }, periodSeconds: 2 }
{{- end }}

{{/* A projected token for the collector, and the chart's CA to verify it by. */}}
{{- define "enchanted.collectorToken" -}}
- name: token
  projected:
    sources:
      - serviceAccountToken: { path: token, audience: enchanted-collector, expirationSeconds: 3600 }
{{- end }}

{{- define "enchanted.commonEnv" -}}
- { name: ENCHANTED_RELEASE_NAMESPACE, value: {{ .Release.Namespace }} }
- name: ENCHANTED_POD_NAME
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
- { name: LOG_LEVEL, value: {{ .Values.operator.logLevel }} }
{{- end }}

{{/* What the recorder embedded in a component needs. */}}
{{- define "enchanted.recorderEnv" -}}
- { name: ENCHANTED_COLLECTOR, value: "enchanted-collector:4317" }
- { name: ENCHANTED_CA_FILE, value: /ca/ca.crt }
- { name: ENCHANTED_TOKEN_FILE, value: /token/token }
- { name: ENCHANTED_WAL_DIR, value: /wal }
{{ include "enchanted.walCut" . }}
{{- end }}

{{- define "enchanted.walCut" -}}
- { name: ENCHANTED_WAL_CUT, value: {{ ternary "stored" "settled" .Values.nats.syncAlways }} }
{{- end }}

{{- define "enchanted.recorderVolumes" -}}
- name: ca
  configMap: { name: enchanted-ca }
{{ include "enchanted.collectorToken" . }}
{{ include "enchanted.apiToken" . }}
{{- end }}

{{/* The ServiceAccount's own token, mounted by hand, so that no pod gets one without asking. */}}
{{- define "enchanted.apiToken" -}}
- name: api
  projected:
    sources:
      - serviceAccountToken: { path: token, expirationSeconds: 3600 }
      - configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt }] }
      - downwardAPI: { items: [{ path: namespace, fieldRef: { fieldPath: metadata.namespace } }] }
{{- end }}

{{- define "enchanted.walClaim" -}}
volumeClaimTemplates:
  - metadata: { name: wal }
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .Values.wal.storageClassName }}
      storageClassName: {{ . }}
      {{- end }}
      resources: { requests: { storage: {{ .Values.wal.size }} } }
{{- end }}
