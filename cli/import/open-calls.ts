import { parseTimestampNs } from "#nervous-system/schemas/timestamp.ts";
import { known, type Json } from "./fields.ts";

/** A call of a tool whose result has not come. */
export type OpenCall = { tool: string; arguments: unknown; at: string | undefined; directory: string | undefined };

/** What came of a call. */
export type CallResult = { result: string; ok: boolean; at: string | undefined; durationMs?: number | undefined };

/** The calls of a session that wait for their result, by their id. */
export type OpenCalls = {
  open(id: string, call: OpenCall): void;
  /** The call whose result this is; undefined where the session never told of one. */
  close(id: string): OpenCall | undefined;
  count(): number;
};

/** Creates an empty collection. */
export const createOpenCalls = (): OpenCalls => {
  const calls = new Map<string, OpenCall>();
  return {
    open: (id, call) => void calls.set(id, call),
    close: (id) => {
      const call = calls.get(id);
      calls.delete(id);
      return call;
    },
    count: () => calls.size,
  };
};

const between = (from: string | undefined, to: string | undefined): number => {
  const [begun, ended] = [from, to].map((at) => (at === undefined ? undefined : parseTimestampNs(at)));
  return begun === undefined || ended === undefined || ended < begun ? 0 : Number((ended - begun) / 1_000_000n);
};

/** The payload of an ACTION. */
export const actionPayload = (call: OpenCall, { result, ok, at, durationMs }: CallResult): Json =>
  known({
    tool: call.tool,
    arguments: call.arguments,
    result,
    ok,
    duration_ms: durationMs ?? between(call.at, at),
    error: ok ? undefined : result.slice(0, 1000),
  });
