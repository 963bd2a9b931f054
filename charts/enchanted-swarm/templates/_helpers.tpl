{{- define "enchanted.labels" -}}
app.kubernetes.io/part-of: enchanted-swarm
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service | quote }}
app.kubernetes.io/component: {{ .component | quote }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "enchanted.selector" -}}
app.kubernetes.io/part-of: enchanted-swarm
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component | quote }}
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

{{/* The variable with the file of the CA that alone a store's certificate may come from; nothing where the public ones count. Arguments: root, store, env. */}}
{{- define "enchanted.storeCaEnv" -}}
{{- $store := index .root.Values .store -}}
{{- if $store.bundled }}
- { name: {{ .env | quote }}, value: /ca/ca.crt }
{{- else if $store.caCertificate }}
- { name: {{ .env | quote }}, value: /ca/{{ .store }}.crt }
{{- end }}
{{- end }}

{{- define "enchanted.natsUrl" -}}
{{- if .Values.nats.bundled -}}tls://enchanted-nats:4222{{- else -}}{{ required "nats.url is required with nats.bundled=false" .Values.nats.url }}{{- end -}}
{{- end }}
{{- define "enchanted.natsSecret" -}}
{{- include "enchanted.storeSecret" (dict "name" "nats" "store" .Values.nats) -}}
{{- end }}

{{- define "enchanted.clickhouseUrl" -}}
{{- if .Values.clickhouse.bundled -}}https://enchanted-clickhouse:8443{{- else -}}{{ required "clickhouse.url is required with clickhouse.bundled=false" .Values.clickhouse.url }}{{- end -}}
{{- end }}
{{- define "enchanted.clickhouseSecret" -}}
{{- include "enchanted.storeSecret" (dict "name" "clickhouse" "store" .Values.clickhouse) -}}
{{- end }}

{{/* Empty where there is no graph. */}}
{{- define "enchanted.neo4jUrl" -}}
{{- if .Values.neo4j.bundled -}}bolt+s://enchanted-neo4j:7687{{- else -}}{{ .Values.neo4j.url }}{{- end -}}
{{- end }}
{{- define "enchanted.neo4jSecret" -}}
{{- include "enchanted.storeSecret" (dict "name" "neo4j" "store" .Values.neo4j) -}}
{{- end }}

{{/* What who uses the graph needs; nothing where there is none. */}}
{{- define "enchanted.neo4jEnv" -}}
{{- with include "enchanted.neo4jUrl" . }}
- { name: NEO4J_URL, value: {{ . | quote }} }
{{- include "enchanted.storeCaEnv" (dict "root" $ "store" "neo4j" "env" "NEO4J_CA_FILE") }}
- name: NEO4J_USER
  valueFrom: { secretKeyRef: { name: {{ include "enchanted.neo4jSecret" $ | quote }}, key: username } }
- name: NEO4J_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ include "enchanted.neo4jSecret" $ | quote }}, key: password } }
{{- end }}
{{- end }}

{{- define "enchanted.s3Endpoint" -}}
{{- if .Values.s3.bundled -}}https://enchanted-s3:7070{{- else -}}{{ required "s3.endpoint is required with s3.bundled=false" .Values.s3.endpoint }}{{- end -}}
{{- end }}
{{- define "enchanted.s3Secret" -}}
{{- include "enchanted.storeSecret" (dict "name" "s3" "store" .Values.s3) -}}
{{- end }}

{{- define "enchanted.jaegerEndpoint" -}}
{{- if .Values.jaeger.bundled -}}https://enchanted-jaeger:4317{{- else -}}{{ .Values.jaeger.endpoint }}{{- end -}}
{{- end }}

{{/* Whether there is a memory: a Weaviate, here or elsewhere. Empty: there is none. */}}
{{- define "enchanted.hasMemory" -}}
{{- if or .Values.weaviate.bundled .Values.weaviate.url -}}true{{- end -}}
{{- end }}

{{/* Where the memory is, and who makes its vectors. */}}
{{- define "enchanted.memoryEnv" -}}
{{- if .Values.weaviate.bundled }}
- { name: WEAVIATE_URL, value: "https://enchanted-weaviate:8443" }
- { name: WEAVIATE_GRPC_URL, value: "https://enchanted-weaviate:50051" }
{{- else }}
- { name: WEAVIATE_URL, value: {{ .Values.weaviate.url | quote }} }
- { name: WEAVIATE_GRPC_URL, value: {{ required "weaviate.grpcUrl is required with weaviate.url" .Values.weaviate.grpcUrl | quote }} }
{{- end }}
- name: WEAVIATE_API_KEY
  valueFrom: { secretKeyRef: { name: {{ include "enchanted.storeSecret" (dict "name" "weaviate" "store" .Values.weaviate) | quote }}, key: apiKey } }
{{- include "enchanted.storeCaEnv" (dict "root" . "store" "weaviate" "env" "WEAVIATE_CA_FILE") }}
{{- with .Values.embedder }}
- { name: EMBEDDER, value: {{ .kind | quote }} }
{{- if eq .kind "local" }}
# The image has it there.
- { name: EMBEDDING_MODEL_DIR, value: /opt/pipeline/model }
{{- else if eq .kind "openai" }}
- { name: EMBEDDING_URL, value: {{ required "embedder.url is required with embedder.kind=openai" .url | quote }} }
- { name: EMBEDDING_MODEL, value: {{ required "embedder.model is required with embedder.kind=openai" .model | quote }} }
- { name: EMBEDDING_DIMENSIONS, value: {{ required "embedder.dimensions is required with embedder.kind=openai" .dimensions | int | quote }} }
{{- if .caCertificate }}
- { name: EMBEDDING_CA_FILE, value: /ca/embedder.crt }
{{- end }}
{{- if .existingSecret }}
- { name: EMBEDDING_KEY_FILE, value: /embedder/key }
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "enchanted.natsEnv" -}}
- { name: NATS_URL, value: {{ include "enchanted.natsUrl" .root | quote }} }
- { name: NATS_USER, value: {{ .user | quote }} }
- name: NATS_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ include "enchanted.natsSecret" .root | quote }}, key: {{ .user }}-password } }
{{- include "enchanted.storeCaEnv" (dict "root" .root "store" "nats" "env" "NATS_CA_FILE") }}
{{- end }}

{{/* How the streams are kept. */}}
{{- define "enchanted.streamEnv" -}}
- { name: NATS_REPLICAS, value: {{ .Values.nats.replicas | quote }} }
{{- with .Values.nats.streamSize }}
- { name: NATS_STREAM_SIZE, value: {{ . | quote }} }
{{- end }}
{{- end }}

{{/* Bytes of a size such as 4Gi, by powers of 1024 as the bundled NATS counts its storage. Argument: the size. */}}
{{- define "enchanted.bytes" -}}
{{- $bytes := regexFind "^[0-9]+" . | int64 -}}
{{- range until (get (dict "K" 1 "M" 2 "G" 3 "T" 4) (regexFind "[KMGT]" .)) -}}{{- $bytes = mul $bytes 1024 -}}{{- end -}}
{{- $bytes -}}
{{- end }}

{{/* How files and manifests of the archive are locked. */}}
{{- define "enchanted.archiveLockEnv" -}}
{{- with .Values.archive.objectLock }}
{{- if .mode }}
- { name: ARCHIVE_LOCK_MODE, value: {{ .mode | quote }} }
- { name: ARCHIVE_LOCK_DAYS, value: {{ required "archive.objectLock.days is required with archive.objectLock.mode" (.days | default "") | quote }} }
{{- else if .days }}
{{- fail "archive.objectLock.days locks nothing without archive.objectLock.mode: GOVERNANCE or COMPLIANCE" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "enchanted.s3Env" -}}
- { name: S3_ENDPOINT, value: {{ include "enchanted.s3Endpoint" . | quote }} }
{{- include "enchanted.storeCaEnv" (dict "root" . "store" "s3" "env" "S3_CA_FILE") }}
- { name: S3_REGION, value: {{ .Values.s3.region | quote }} }
- { name: S3_BUCKET, value: {{ .Values.s3.bucket | quote }} }
{{- include "enchanted.archiveLockEnv" . }}
- name: S3_ACCESS_KEY_ID
  valueFrom: { secretKeyRef: { name: {{ include "enchanted.s3Secret" . | quote }}, key: accessKeyId } }
- name: S3_SECRET_ACCESS_KEY
  valueFrom: { secretKeyRef: { name: {{ include "enchanted.s3Secret" . | quote }}, key: secretAccessKey } }
{{- end }}

{{/* Names of the servers with certificates from the chart, which are their Services', as a JSON list. */}}
{{- define "enchanted.tlsServers" -}}
{{- $servers := list "enchanted-collector" "enchanted-gateway" "enchanted-reader" -}}
{{- range list "nats" "clickhouse" "s3" "jaeger" "neo4j" "weaviate" -}}
{{- if (index $.Values .).bundled -}}{{- $servers = append $servers (printf "enchanted-%s" .) -}}{{- end -}}
{{- end -}}
{{- toJson $servers -}}
{{- end }}

{{/*
The CA and a certificate for each server, as data of a Secret: made once and kept over upgrades, the same in all of a rendering. No
CA's key is kept, so a server that comes later has another CA, which then stands behind the first in ca.crt.
*/}}
{{- define "enchanted.tlsData" -}}
{{- if not (hasKey .Values "madeTls") }}
{{- $kept := lookup "v1" "Secret" .Release.Namespace "enchanted-tls" | default dict }}
{{- $data := $kept.data | default dict | deepCopy }}
{{- $missing := list }}
{{- range include "enchanted.tlsServers" . | fromJsonArray }}
{{- if not (hasKey $data (printf "%s.key" .)) }}{{ $missing = append $missing . }}{{ end }}
{{- end }}
{{- if $missing }}
{{- /* By a name of its own a verifier tells which of several signed. */}}
{{- $ca := genCAWithKey (printf "enchanted-swarm %s" (randAlphaNum 8)) 3650 (genPrivateKey "ecdsa") }}
{{- $_ := set $data "ca.crt" (printf "%s%s" (index $data "ca.crt" | default "" | b64dec) $ca.Cert | b64enc) }}
{{- range $missing }}
{{- /* What kubectl port-forward opens is called localhost. */}}
{{- $names := list . (printf "%s.%s" . $.Release.Namespace) (printf "%s.%s.svc" . $.Release.Namespace) "localhost" }}
{{- $cert := genSignedCertWithKey . nil $names 3650 $ca (genPrivateKey "ecdsa") }}
{{- $_ := set $data (printf "%s.crt" .) ($cert.Cert | b64enc) }}
{{- $_ := set $data (printf "%s.key" .) ($cert.Key | b64enc) }}
{{- end }}
{{- end }}
{{- $_ := set .Values "madeTls" $data }}
{{- end }}
{{- toYaml .Values.madeTls }}
{{- end }}

{{/* Secret with the key of the archive: yours, or the one that the chart makes. */}}
{{- define "enchanted.archiveKeySecret" -}}
{{- .Values.archive.signingKey.existingSecret | default "enchanted-archive-key" -}}
{{- end }}

{{/*
The key that signs the archive's manifests, as data of a Secret: made once and kept over upgrades, the same in all of a rendering. A
new one is made where private.pem was taken out; its public key, in a certificate that says no more, then stands behind the others.
*/}}
{{- define "enchanted.archiveKeyData" -}}
{{- if not (hasKey .Values "madeArchiveKey") }}
{{- $kept := lookup "v1" "Secret" .Release.Namespace "enchanted-archive-key" | default dict }}
{{- $data := $kept.data | default dict | deepCopy }}
{{- if not (and (hasKey $data "private.pem") (hasKey $data "public.pem")) }}
{{- $made := genSelfSignedCertWithKey "enchanted-archive" nil nil 36500 (genPrivateKey "ed25519") }}
{{- $_ := set $data "private.pem" ($made.Key | b64enc) }}
{{- $_ := set $data "public.pem" (printf "%s%s" (index $data "public.pem" | default "" | b64dec) $made.Cert | b64enc) }}
{{- end }}
{{- $_ := set .Values "madeArchiveKey" $data }}
{{- end }}
{{- toYaml .Values.madeArchiveKey }}
{{- end }}

{{/* Who reads the archive's key is restarted when it changes; one of yours is not the chart's to read. */}}
{{- define "enchanted.archiveKeyChecksum" -}}
{{- .Values.archive.signingKey.existingSecret | default (include "enchanted.archiveKeyData" .) | sha256sum -}}
{{- end }}

{{/* By what signatures of the archive are verified. */}}
{{- define "enchanted.archiveKeyEnv" -}}
- { name: ARCHIVE_PUBLIC_KEYS_FILE, value: /archive-key/public.pem }
{{- with .Values.archive.lastUnsigned }}
- { name: ARCHIVE_LAST_UNSIGNED, value: {{ . | quote }} }
{{- end }}
{{- end }}

{{/* What components and stores read of certificates when they start: they are restarted when it changes. */}}
{{- define "enchanted.tlsChecksum" -}}
{{- $parts := list (.Values.tls.caCertificate | default (include "enchanted.tlsData" .)) .Values.caBundle .Values.collector.metricsCaCertificate -}}
{{- range list "nats" "clickhouse" "s3" "jaeger" "neo4j" "weaviate" "embedder" "summarizer" -}}
{{- $parts = append $parts (index $.Values .).caCertificate -}}
{{- end -}}
{{- toJson $parts | sha256sum -}}
{{- end }}

{{/* A server's certificate and key, for its own group alone. Argument: the server's name. */}}
{{- define "enchanted.tlsVolume" -}}
- name: tls
  secret: { secretName: {{ . }}-tls, defaultMode: 0440 }
{{- end }}

{{/* Image of a component, by digest. Arguments: root, name. */}}
{{- define "enchanted.image" -}}
{{ required (printf "images.%s is required (an image by digest); `make up` builds the images and fills it in" .name) (index .root.Values.images .name) }}
{{- end }}

{{/* Health of a component on its port 8080. */}}
{{- define "enchanted.probes" -}}
startupProbe: { httpGet: { path: /healthz, port: health }, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 120 }
livenessProbe: { httpGet: { path: /healthz, port: health }, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 }
readinessProbe: { httpGet: { path: /readyz, port: health }, periodSeconds: 2, timeoutSeconds: 2 }
{{- end }}

{{/* A projected token for the collector, and the chart's CA to verify it by. */}}
{{- define "enchanted.collectorToken" -}}
- name: token
  projected:
    sources:
      - serviceAccountToken: { path: token, audience: enchanted-collector, expirationSeconds: 3600 }
{{- end }}

{{- define "enchanted.commonEnv" -}}
- { name: ENCHANTED_RELEASE_NAMESPACE, value: {{ .Release.Namespace | quote }} }
- name: ENCHANTED_POD_NAME
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
- { name: LOG_LEVEL, value: {{ .Values.operator.logLevel | quote }} }
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
- { name: ENCHANTED_WAL_CUT, value: {{ ternary "stored" "settled" .Values.nats.syncAlways | quote }} }
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
      storageClassName: {{ . | quote }}
      {{- end }}
      resources: { requests: { storage: {{ .Values.wal.size | quote }} } }
{{- end }}
