/** What the gateway is asked: whether a Model can be used, a Secret may be used for a repository, or a namespace runs missions. */
export type CheckQuestion =
  | { kind: "Model"; namespace: string; name: string }
  | { kind: "GitSecret"; namespace: string; name: string; repo: string }
  | { kind: "Tenant"; namespace: string };

/** The gateway's verdict, or that it could not be asked; then nothing is known. */
export type CheckAnswer =
  | { kind: "answered"; ok: boolean; reason: string; message: string }
  | { kind: "unavailable"; message: string };

/** The one process that may read Secrets; the operator asks it instead of reading them. */
export type GatewayCheck = (question: CheckQuestion) => Promise<CheckAnswer>;
