/** The ports on which the scribe of a pod listens. The container `ports` holds all of them over its restarts. */
export const scribePort = {
  otlp: 4317,
  otlpHttp: 4318,
  /** The context service. */
  service: 4320,
  models: 4321,
  /** Not 8080, on which many programs listen: those in the pod share its ports. */
  metrics: 4322,
  proxy: 4323,
} as const;
