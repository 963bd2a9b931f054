import { waitFor } from "#platform/process/wait.ts";
import type { Kube } from "#test/e2e/kube.ts";

type JaegerField = { key: string; value: unknown };
type JaegerSpan = { operationName: string; logs: Array<{ fields: JaegerField[] }> };

/** Names of the span events of a trace, by span name, as Jaeger's query API tells them. */
export const eventsOfTrace = async (
  kube: Kube,
  namespace: string,
  traceId: string,
): Promise<Record<string, string[]>> => {
  const forward = await kube.forward(namespace, "enchanted-jaeger", 16686);
  try {
    const spans = await waitFor(
      `trace ${traceId} in Jaeger`,
      async () => {
        const answer = await fetch(`http://127.0.0.1:${forward.port}/api/traces/${traceId}`);
        if (!answer.ok) return undefined;
        const { data } = (await answer.json()) as { data: Array<{ spans: JaegerSpan[] }> };
        return data[0]?.spans;
      },
      { timeoutMs: 30_000, intervalMs: 500 },
    );
    const names = (span: JaegerSpan): string[] =>
      span.logs.flatMap((log) =>
        log.fields.filter((field) => field.key === "event").map((field) => String(field.value)),
      );
    return Object.fromEntries(spans.map((span) => [span.operationName, names(span)]));
  } finally {
    await forward.close();
  }
};
