import { describe, expect, it } from "@jest/globals";
import { createHash } from "node:crypto";
import type { PlacedFrame } from "#nervous-system/codecs/parquet/frame-columns.ts";
import { agentUid, chainBuilder, missionUid } from "#test/integration/pipeline/chain-builder.ts";
import { createChatWriter } from "./chat-writer.ts";
import type { Ended } from "./outcomes.ts";

type Line = Record<string, unknown> & {
  messages: Array<Record<string, unknown>>;
  action: Array<{ event_type: string; payload: Record<string, unknown> }>;
};

const [ada, ben, gateway] = [agentUid(1), agentUid(2), agentUid(9)];
const secondNs = (second: number): string => String(1_763_701_174_000_000_000n + BigInt(second) * 1_000_000_000n);

/** Says frames of one author, each at a second of its own. */
const author =
  (agent_uid: string, agent_id: string, epoch = 1) =>
  (second: number, event_type: string, payload: object, about?: { agent_uid: string; epoch: number }): PlacedFrame => {
    const more = about === undefined ? {} : ({ about, producer: "gateway", recorder: "gateway" } as const);
    const chain = chainBuilder({ agent_uid, epoch, observed: secondNs(second), ...more });
    return { ...chain.next({ event_type, agent_id, payload }), place: second, storedNs: 0n };
  };

const blobs = new Map<string, string>();
const blobOf = (body: unknown): string => {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  blobs.set(digest, text);
  return digest;
};
const store = {
  read: (digest: string) => {
    const text = blobs.get(digest);
    return Promise.resolve(text === undefined ? undefined : Buffer.from(text));
  },
};

const linesOf = async (
  frames: readonly PlacedFrame[],
  read?: typeof store,
  ends: ReadonlyMap<string, Ended> = new Map(),
): Promise<Line[]> => {
  let text = "";
  const writer = createChatWriter({ write: async (line) => void (text += String(line)) }, ends, read);
  for (const frame of frames) await writer.frame(frame);
  await writer.end();
  return text === ""
    ? []
    : text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Line);
};
const actionsOf = (lines: readonly Line[]): string[][] =>
  lines.map(({ action }) => action.map(({ event_type, payload }) => `${event_type} ${JSON.stringify(payload)}`));

const call = (more: object = {}) => ({ provider: "anthropic", model: "large", latency_ms: 1, ...more });
const about = { agent_uid: ada, epoch: 1 };

describe("training data", () => {
  it("has a line for each call, with what the agent did until its next one by time, whichever came first", async () => {
    const [says, calls] = [author(ada, "ada"), author(gateway, "gateway-0")];
    const thought = (n: number) => says(n, "THOUGHT", { text: `${n}` });
    const frames = [
      thought(0),
      thought(2), // its call comes behind it in the order of recording
      calls(1, "MODEL_CALL", call(), about),
      thought(3),
      calls(4, "MODEL_CALL", call({ model: "small" }), about),
      thought(5),
      calls(6, "MODEL_CALL", call(), about),
      calls(7, "MODEL_CALL", call(), about),
    ];
    const lines = await linesOf(frames);
    expect(lines.map(({ model }) => model)).toEqual(["large", "small", "large", "large"]);
    expect(actionsOf(lines)).toEqual([
      ['THOUGHT {"text":"2"}', 'THOUGHT {"text":"3"}'],
      ['THOUGHT {"text":"5"}'],
      [],
      [],
    ]);
  });

  it("shows what was sent and answered, as the provider wrote it, with the system's words first", async () => {
    const calls = author(gateway, "gateway-0");
    const messages = [{ role: "user", content: [{ type: "text", text: "Fix “it” 🚀" }] }];
    const request_blob = blobOf({ model: "m", system: "Be good.", messages });
    const events = 'event: a\ndata: {"delta":1}\n\ndata: {"delta":2}\n\ndata: [DONE]\n\n';
    const frames = [
      calls(1, "MODEL_CALL", call({ request_blob, response_blob: blobOf({ content: "Done." }) }), about),
      calls(2, "MODEL_CALL", call({ request_blob, response_blob: blobOf(events) }), about),
    ];
    const [whole, streamed] = await linesOf(frames, store);
    expect(whole).toMatchObject({
      messages: [{ role: "system", content: "Be good." }, ...messages],
      messages_from: "request_blob",
      response: { content: "Done." },
    });
    expect(streamed?.["response"]).toEqual([{ delta: 1 }, { delta: 2 }]);
  });

  it("has every digit of a whole number, in what was sent, answered and done", async () => {
    const [adaSays, calls] = [author(ada, "ada"), author(gateway, "gateway-0")];
    const [sent, answered, done] = ["1875924584784080993", "-1875924584784080994", "1875924584784080995"];
    const request_blob = blobOf(`{"model":"m","messages":[{"role":"tool","content":{"id":${sent}}}]}`);
    const response_blob = blobOf(`data: {"id":${answered}}\n\n`);
    const act = adaSays(2, "ACTION", { tool: "like", arguments: { id: done }, ok: true, duration_ms: 1, result: "" });
    const bytes = Buffer.from(Buffer.from(act.bytes).toString().replaceAll(`"${done}"`, done));
    const frames = [
      calls(1, "MODEL_CALL", call({ request_blob, response_blob }), about),
      { ...act, bytes },
      calls(3, "MODEL_CALL", call(), about),
    ];
    const written: string[] = [];
    const writer = createChatWriter({ write: async (line) => void written.push(String(line)) }, new Map(), store);
    for (const frame of frames) await writer.frame(frame);
    await writer.end();
    const [first = "", second = ""] = written;
    expect(first).toContain(`"content":{"id":${sent}}`);
    expect(first).toContain(`"response":[{"id":${answered}}]`);
    expect(first).toContain(`"arguments":{"id":${done}}`);
    expect(second).toContain(`"arguments":"{\\"id\\":${done}}"`);
  });

  it("says why it has not what was sent, and gives what the frames say then", async () => {
    const [adaSays, benSays, calls] = [author(ada, "ada"), author(ben, "ben"), author(gateway, "gateway-0")];
    const gone = `sha256:${"0".repeat(64)}`;
    const frames = [
      benSays(1, "MESSAGE", { from: "ben", to: "ada", channel: "review", text: "Look at it." }),
      adaSays(2, "DECISION_RATIONALE", { reasoning: "because", selected_strategy: "patch" }),
      adaSays(3, "ACTION", { tool: "test", arguments: { all: true }, ok: false, duration_ms: 1, error: "2 failed" }),
      calls(4, "MODEL_CALL", call({ request_blob: gone }), about),
      calls(5, "MODEL_CALL", call(), about),
      calls(6, "MODEL_CALL", call({ request_blob: blobOf("[1]") }), about),
    ];
    const told = [
      { role: "user", name: "ben", content: "Look at it." },
      { role: "assistant", content: "because\npatch" },
      { role: "assistant", content: "", tool_calls: [{ function: { name: "test", arguments: '{"all":true}' } }] },
      { role: "tool", content: "2 failed" },
    ];
    const lines = await linesOf(frames, store);
    const [decision, ...called] = lines;
    expect(decision).toMatchObject({ messages: told.slice(0, 1), messages_missing: "no call of a model is recorded" });
    expect(actionsOf([decision!])[0]?.length).toBe(2);
    for (const line of called) expect(line).toMatchObject({ agent: "ada", messages: told, messages_from: "frames" });
    expect(called.map(({ messages_missing: why }) => why)).toEqual([
      `there is no blob ${gone}`,
      "the call tells no blob of its request",
      expect.stringMatching(/is no JSON object/),
    ]);
    expect((await linesOf(frames)).at(-1)?.["messages_missing"]).toBe("no collector was named to read blobs from");
  });

  it("gives a call that is recorded behind its decision what was done then, and not another line", async () => {
    const [says, calls] = [author(ada, "ada"), author(gateway, "gateway-0")];
    const frames = [
      says(2, "DECISION_RATIONALE", { reasoning: "go" }),
      says(3, "ACTION", { tool: "git" }),
      calls(1, "MODEL_CALL", call(), about),
      says(5, "THOUGHT", { text: "5" }),
      calls(4, "MODEL_CALL", call({ model: "small" }), about),
    ];
    const lines = await linesOf(frames);
    expect(lines.map(({ model }) => model)).toEqual(["large", "small"]);
    expect(actionsOf(lines)).toEqual([
      ['DECISION_RATIONALE {"reasoning":"go"}', 'ACTION {"tool":"git"}'],
      ['THOUGHT {"text":"5"}'],
    ]);
  });

  it("names the agent of its first call, by its LIFECYCLE or by what it says until the end of the step", async () => {
    const [adaSays, benSays, calls] = [author(ada, "ada"), author(ben, "ben"), author(gateway, "gateway-0")];
    const message = { from: "ben", to: "ada", channel: "review", text: "Look at it." };
    const frames = [
      adaSays(1, "LIFECYCLE", { phase: "Started", attempt: 1 }),
      benSays(2, "MESSAGE", message),
      calls(3, "MODEL_CALL", call(), about),
    ];
    const [named] = await linesOf(frames);
    expect(named).toMatchObject({ agent: "ada", messages: [{ name: "ben", content: message.text }], action: [] });
    const later = await linesOf([calls(1, "MODEL_CALL", call(), about), adaSays(2, "THOUGHT", { text: "hm" })]);
    expect(later.map(({ agent }) => agent)).toEqual(["ada"]);
    const gaveNone = await linesOf([calls(1, "MODEL_CALL", call(), about)]);
    expect(gaveNone.map(({ agent }) => agent)).toEqual([""]);
  });

  it("holds attempts that frames came of lately, and has the others' lines written meanwhile", async () => {
    const written: string[] = [];
    const writer = createChatWriter({ write: async (line) => void written.push(String(line)) }, new Map(), undefined);
    const attempts = Array.from({ length: 1_000 }, (_, n) => author(agentUid(1_000 + n), `agent-${n}`));
    for (const says of attempts) {
      await writer.frame(says(1, "DECISION_RATIONALE", { reasoning: "go" }));
      await writer.frame(says(2, "ACTION", { tool: "git" }));
    }
    expect(written).toHaveLength(1_000 - 256);
    // One of those that were let go of goes on: it is known how much of its conversation is not there any more.
    await writer.frame(attempts[0]!(3, "DECISION_RATIONALE", { reasoning: "on" }));
    await writer.end();
    expect(written).toHaveLength(1_001);
    const lines = written.map((text) => JSON.parse(text) as Line);
    expect(new Set(lines.slice(0, 1_000).map(({ action }) => action.length))).toEqual(new Set([2]));
    expect(lines.at(-1)).toMatchObject({ agent: "agent-0", messages_omitted: 3, messages: [] });
  });

  it("keeps the last hundred messages of a conversation and counts the others, over a crash too", async () => {
    const [before, after] = [author(ada, "ada", 1), author(ada, "ada", 2)];
    const thoughts = Array.from({ length: 130 }, (_, n) => before(n, "THOUGHT", { text: `${n}` }));
    const [line] = await linesOf([...thoughts, after(200, "DECISION_RATIONALE", { reasoning: "on" })]);
    expect(line).toMatchObject({ epoch: 2, messages_omitted: 30 });
    expect(line?.messages.map(({ content }) => content)).toEqual(thoughts.slice(30).map((_, n) => `${n + 30}`));
  });

  it("keeps a bounded number of an agent's frames, and counts the others", async () => {
    const says = author(ada, "ada");
    const many = Array.from({ length: 1_200 }, (_, n) => says(n + 2, "THOUGHT", { text: `${n}` }));
    const [line] = await linesOf([says(1, "DECISION_RATIONALE", { reasoning: "go" }), ...many]);
    expect([line?.action.length, line?.["action_omitted"]]).toEqual([1_000, 201]);
  });

  it("is labelled with its mission's end, or unknown where no frame tells one", async () => {
    const frames = [author(ada, "ada")(1, "DECISION_RATIONALE", { reasoning: "go" })];
    const ended = { outcome: "merged", outcome_from: "PUBLICATION merged e-1" };
    expect(await linesOf(frames, undefined, new Map([[missionUid, ended]]))).toMatchObject([ended]);
    expect(await linesOf(frames)).toMatchObject([{ outcome: "unknown", outcome_from: "" }]);
  });
});
