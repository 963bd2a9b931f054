/** RFC 3339 to the second, as Kubernetes writes times. */
export const kubeTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
