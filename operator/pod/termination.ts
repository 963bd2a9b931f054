import * as z from "zod";

const commit = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/);

const fetched = z.object({ commit, head: commit.optional() });
const fetchFailed = z.object({ reason: z.string().max(64), message: z.string().max(4096) });
const scribeEnd = z.object({
  lastSeq: z.number().int().min(0),
  ackedSeq: z.number().int().min(0),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});
const agentEnd = z.object({
  outcome: z.enum(["Succeeded", "Failed"]),
  reason: z.string().max(256).default(""),
  message: z.string().max(4096).default(""),
  headSHA: z.string().max(64).optional(),
});

/** Where a scribe stopped. */
export type ScribeEnd = z.output<typeof scribeEnd>;
/** What the cortex says of its attempt. */
export type AgentEnd = z.output<typeof agentEnd>;
/** What `fetch` says: the commit it made ready and what the branch held then, or why it could not. */
export type FetchEnd =
  | { kind: "fetched"; commit: string; head?: string | undefined }
  | { kind: "failed"; reason: string; message: string };

// The message comes from a container that may have been killed in the middle of writing, or from an image of an external client.
const read = <S extends z.ZodType>(schema: S, text: string | undefined): z.output<S> | undefined => {
  if (text === undefined || text === "") return undefined;
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
};

/** Reads the termination message of `scribe`; nothing where it left none. */
export const parseScribeEnd = (text: string | undefined): ScribeEnd | undefined => read(scribeEnd, text);

/** Reads the termination message of `agent`; nothing where it left none. */
export const parseAgentEnd = (text: string | undefined): AgentEnd | undefined => read(agentEnd, text);

/** Reads the termination message of `fetch`; nothing where it left none. */
export const parseFetchEnd = (text: string | undefined): FetchEnd | undefined => {
  const good = read(fetched, text);
  if (good !== undefined) return { kind: "fetched", ...good };
  const bad = read(fetchFailed, text);
  return bad === undefined ? undefined : { kind: "failed", ...bad };
};
