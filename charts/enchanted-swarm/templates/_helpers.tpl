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

{{- define "enchanted.natsUrl" -}}
{{- if .Values.nats.bundled -}}nats://enchanted-nats:4222{{- else -}}{{ required "nats.url is required with nats.bundled=false" .Values.nats.url }}{{- end -}}
{{- end }}
{{- define "enchanted.natsSecret" -}}
{{- if .Values.nats.bundled -}}enchanted-nats{{- else -}}{{ required "nats.existingSecret is required with nats.bundled=false" .Values.nats.existingSecret }}{{- end -}}
{{- end }}

{{- define "enchanted.clickhouseUrl" -}}
{{- if .Values.clickhouse.bundled -}}http://enchanted-clickhouse:8123{{- else -}}{{ required "clickhouse.url is required with clickhouse.bundled=false" .Values.clickhouse.url }}{{- end -}}
{{- end }}
{{- define "enchanted.clickhouseSecret" -}}
{{- if .Values.clickhouse.bundled -}}enchanted-clickhouse{{- else -}}{{ required "clickhouse.existingSecret is required with clickhouse.bundled=false" .Values.clickhouse.existingSecret }}{{- end -}}
{{- end }}

{{- define "enchanted.s3Endpoint" -}}
{{- if .Values.s3.bundled -}}http://enchanted-s3:7070{{- else -}}{{ required "s3.endpoint is required with s3.bundled=false" .Values.s3.endpoint }}{{- end -}}
{{- end }}
{{- define "enchanted.s3Secret" -}}
{{- if .Values.s3.bundled -}}enchanted-s3{{- else -}}{{ required "s3.existingSecret is required with s3.bundled=false" .Values.s3.existingSecret }}{{- end -}}
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
- { name: tmp, emptyDir: { sizeLimit: 1Gi } }
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
