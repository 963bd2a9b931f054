import { describe, expect, it } from "@jest/globals";
import { PassThrough } from "node:stream";
import { renderSocketFrame } from "#test/builders/socket-frame.ts";
import type { WatchedCall } from "./watch-call.ts";
import { watchSocket } from "./watch-socket.ts";

const frame = (message: object, mask?: number): Buffer =>
  renderSocketFrame({ opcode: 1, mask, body: Buffer.from(JSON.stringify(message)) });

/** What is told of the messages that the program and then its provider say. */
const told = async (asked: readonly object[], answered: readonly object[]): Promise<WatchedCall[]> => {
  const [client, upstream] = [new PassThrough(), new PassThrough()];
  const calls: WatchedCall[] = [];
  let now = 0;
  watchSocket({ client, upstream }, { monotonicMs: () => (now += 1) }, (call) => calls.push(call));
  for (const message of asked) client.write(frame(message, 7));
  await new Promise((resolve) => setImmediate(resolve));
  for (const message of answered) upstream.write(frame(message));
  await new Promise((resolve) => setImmediate(resolve));
  return calls;
};

const ask = (model: string) => ({ type: "response.create", model });
const begun = { type: "response.created", response: { id: "r", status: "in_progress" } };
const said = { type: "response.output_text.delta", delta: "x" };
const completed = (tokens: number) => ({
  type: "response.completed",
  response: { id: "r", status: "completed", usage: { input_tokens: tokens, output_tokens: 1 } },
});

describe("a watched WebSocket", () => {
  it("tells one call for each answer, in order, with the time to its first words", async () => {
    const calls = await told([ask("a"), { type: "other" }, ask("b")], [begun, said, completed(5), begun, completed(6)]);
    expect(calls).toMatchObject([
      { request: JSON.stringify(ask("a")), status: 101, answer: { inputTokens: 5, stopReason: "completed" } },
      { request: JSON.stringify(ask("b")), status: 101, answer: { inputTokens: 6 } },
    ]);
    expect(calls[0]?.firstTokenMs).toBeLessThan(calls[0]?.latencyMs ?? 0);
    expect(calls[1]?.firstTokenMs).toBeUndefined();
  });

  it("takes the error event with its status for the end of an answer", async () => {
    const error = { type: "error", status: 429, error: { type: "rate_limit", message: "slow down" } };
    expect(await told([ask("a")], [error])).toMatchObject([{ status: 429, answer: { error: "slow down" } }]);
  });

  it("tells nothing of what is no call of the Responses protocol", async () => {
    expect(await told([{ type: "response.create" }, { type: "session.update" }], [completed(1)])).toEqual([]);
  });
});
