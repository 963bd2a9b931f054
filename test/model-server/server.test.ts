import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createJournal, type Journal } from "#test/model-server/journal.ts";
import { loadScenarios } from "#test/model-server/load.ts";
import { parseScenario, type Scenario } from "#test/model-server/scenario.ts";
import { createScenarioServer } from "#test/model-server/server.ts";

const scenarioText = `
name: talk
description: two turns and a fault
asides:
  - { contains: a title, answer: { text: Talk } }
steps:
  - expect: { contains: hello }
    answer: { text: hi, tools: [{ name: run_command, arguments: { command: "echo \${turn}" } }] }
  - expect: { tool: run_command, exitCode: 0 }
    fault: { kind: rate-limited, retryAfterSeconds: 2 }
    times: 1
    answer: { text: done }
  - fault: { kind: disconnect }
`;

let server: Server;
let journal: Journal;
let base: string;

beforeEach(async () => {
  journal = createJournal();
  const scenarios = new Map<string, Scenario>([["talk", parseScenario(scenarioText, "talk.yaml")]]);
  server = createScenarioServer({ scenarios, journal, clock: systemClock() }).listen(0, "127.0.0.1");
  await once(server, "listening");
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

const chat = (messages: unknown[], more: object = {}, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${base}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "scenario/talk", messages, ...more }),
  });

const user = { role: "user", content: "hello" };
const called = {
  role: "assistant",
  content: null,
  tool_calls: [{ id: "c", type: "function", function: { name: "run_command", arguments: "{}" } }],
};
const result = (content: string): object => ({ role: "tool", tool_call_id: "c", content });

describe("scenario server", () => {
  it("answers the step that the conversation has reached", async () => {
    const body = (await (await chat([user])).json()) as {
      choices: [{ finish_reason: string; message: { tool_calls: unknown[] } }];
    };
    expect(body.choices[0].finish_reason).toBe("tool_calls");
    expect(body.choices[0].message.tool_calls).toEqual([
      { id: "call_0_0", type: "function", function: { name: "run_command", arguments: '{"command":"echo 0"}' } },
    ]);
  });

  it("answers beside the conversation what is asked beside it", async () => {
    const body = (await (await chat([{ role: "user", content: "Find a title: hello" }])).json()) as object;
    expect(body).toMatchObject({ choices: [{ message: { content: "Talk" } }] });
    expect(journal.state()).toMatchObject({ requests: 1, failures: [] });
  });

  it("streams the same answer in pieces that join to it", async () => {
    const text = await (await chat([user], { stream: true, stream_options: { include_usage: true } })).text();
    const lines = text
      .trim()
      .split("\n\n")
      .map((line) => line.replace(/^data: /, ""));
    expect(lines.at(-1)).toBe("[DONE]");
    const chunks = lines.slice(0, -1).map((line) => JSON.parse(line) as StreamChunk);
    const deltas = chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta));
    expect(deltas.map((delta) => delta.content ?? "").join("")).toBe("hi");
    expect(
      deltas
        .flatMap((delta) => delta.tool_calls ?? [])
        .map((call) => call.function.arguments)
        .join(""),
    ).toBe('{"command":"echo 0"}');
    expect(chunks.at(-1)?.usage?.["total_tokens"]).toBeGreaterThan(0);
  });

  it("refuses loudly what a step does not expect, and remembers it", async () => {
    const response = await chat([user, called, result("exit code 3 after 1 ms")]);
    expect(response.status).toBe(422);
    expect(await response.text()).toContain("has exit code 3, not 0");
    expect(journal.state().failures).toMatchObject([{ scenario: "talk", turn: 1 }]);
  });

  it("strikes as often as it is told and then answers", async () => {
    const conversation = [user, called, result("exit code 0 after 1 ms")];
    const first = await chat(conversation);
    expect([first.status, first.headers.get("retry-after")]).toEqual([429, "2"]);
    const second = await chat(conversation);
    expect(second.status).toBe(200);
  });

  it("hangs up in the middle where the scenario says so", async () => {
    const conversation = [user, called, result("exit code 0"), { role: "assistant", content: "x" }, user];
    await expect(chat(conversation)).rejects.toThrow(/fetch failed/);
  });

  it("refuses a conversation that goes on after the end", async () => {
    const answers = Array.from({ length: 3 }, () => ({ role: "assistant", content: "x" }));
    expect((await chat([user, ...answers, user])).status).toBe(422);
  });

  it("finds the scenario by the API key before the model's name", async () => {
    const response = await chat([user], { model: "anything" }, { authorization: "Bearer scenario:talk" });
    expect(response.status).toBe(200);
    expect((await chat([user], { model: "anything" })).status).toBe(404);
  });
});

type StreamChunk = {
  choices: Array<{ delta: { content?: string; tool_calls?: Array<{ function: { arguments: string } }> } }>;
  usage?: Record<string, number>;
};

describe("scenario files", () => {
  it("are all valid", async () => {
    const scenarios = await loadScenarios("manifests/samples/scenarios");
    expect([...scenarios.keys()]).toContain("fix-bug");
  });

  it("are refused with the file and the place when they are wrong", () => {
    expect(() => parseScenario("name: x\ndescription: y\nsteps: [{ times: 2 }]", "x.yaml")).toThrow(
      /x\.yaml is not a scenario[^]*fault/,
    );
  });
});
