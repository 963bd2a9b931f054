import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { readConsoleSpan } from "#cli/record/console-span.ts";
import { ensurePythonEnvironment } from "#platform/tools/python-environment.ts";
import { briefShell } from "#test/golden/golden-frames.ts";
import { enchanted, payloads, setCliStage, type CliStage } from "#test/integration/cli/cli-stage.ts";
import { startCollectorPeer } from "#test/integration/scribe/collector-peer.ts";
import {
  layOutPod,
  producerPart,
  setStage,
  startPodScribe,
  stopScribe,
  until,
} from "#test/integration/scribe/stage.ts";

jest.setTimeout(120_000);

const script = "test/golden/brief/enchanted_agent.py";
const decision = {
  reasoning: "Detected circular dependency in auth_module.",
  options_considered: ["remove_import", "dependency_injection"],
  selected_strategy: "dependency_injection",
  confidence_score: 0.98,
};
const change = {
  file_modified: "src/auth/login.py",
  lines_added: 15,
  lines_removed: 4,
  new_state_hash: "abc-123-xyz",
};
const terminal = [
  "🤖 Architect-GPT-4 is starting task...",
  "   ...analyzing codebase",
  "   ...applying dependency injection fix",
  "✅ Task Complete.",
  "",
].join("\n");

let stage: CliStage;
beforeEach(async () => {
  stage = await setCliStage();
});
afterEach(() => stage.remove());

/** A program of the test's own in the stage's directory. */
const writeProgram = async (name: string, text: string): Promise<string> => {
  const path = join(stage.cwd, name);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, text, { mode: 0o755 });
  return path;
};

describe("the brief's shell line, as it stands", () => {
  const { line, terminal: shown, written } = briefShell();
  beforeEach(() =>
    writeProgram("enchanted_swarm_cli", `#!/bin/sh\nprintf '%s' '${shown}'\nprintf '%s' '${written}' >&3\n`),
  );

  it("leaves the terminal alone and records what is written to FD 3, with the sink as its `nats-pub`", async () => {
    const bin = join(await writeProgram("bin/nats-pub", `#!/bin/sh\nexec "${enchanted}" sink\n`), "..");
    const env = { PATH: `${bin}:${process.env["PATH"]}` };
    const { stdout, stderr, code } = await stage.start(["bash", "-c", line], { env }).ended;
    expect({ stdout, stderr, code }).toEqual({ stdout: shown, stderr: "", code: 0 });
    expect(payloads(await stage.lines(), "STATE_CHANGE")).toEqual([{ module: "auth", status: "analyzing" }]);
  });

  it("needs no redirection under `enchanted run`", async () => {
    const command = ["run", "--no-observe", "--", "./enchanted_swarm_cli", "--task=refactor"];
    const { stdout, code } = await stage.cli(command);
    expect({ stdout, code }).toEqual({ stdout: shown, code: 0 });
    expect(payloads(await stage.lines(), "STATE_CHANGE")).toEqual([{ module: "auth", status: "analyzing" }]);
  });
});

describe("the brief's Python boilerplate", () => {
  let python: string;
  beforeAll(async () => {
    python = await ensurePythonEnvironment();
  }, 600_000);

  it("unchanged, writes the file that tail reads and whose frames are the decision and the change", async () => {
    await copyFile(script, join(stage.cwd, "enchanted_agent.py"));
    const { stdout, code } = await stage.start([python, "enchanted_agent.py"]).ended;
    expect({ stdout, code }).toEqual({ stdout: terminal, code: 0 });
    const span = JSON.parse(await readFile(join(stage.cwd, "swarm_context.jsonl"), "utf8")) as Record<string, unknown>;
    expect(readConsoleSpan(span)?.frames.map(({ event_type, payload }) => [event_type, payload])).toEqual([
      ["DECISION_RATIONALE", decision],
      ["STATE_CHANGE", change],
      ["AGENT_EXECUTION_CYCLE", expect.objectContaining({ status: { code: "OK" } })],
    ]);
    expect(await stage.cli(["tail"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /DECISION_RATIONALE +Detected circular[^]*STATE_CHANGE +changed src\/auth\/login\.py/,
      ),
    });
  });

  it("with only its exporter changed to OTLP, is recorded by the scribe, and its span goes on", async () => {
    const scribeStage = await setStage();
    const peer = await startCollectorPeer(scribeStage.tls);
    const pod = await layOutPod(scribeStage, "pod", peer.port);
    const scribe = await startPodScribe(scribeStage, pod);
    const directory = await mkdtemp(join(tmpdir(), "brief-"));
    const text = await readFile(script, "utf8");
    const exporter = "from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter\n";
    const changed = text
      .replace("from opentelemetry.trace.status", `${exporter}from opentelemetry.trace.status`)
      .replace("exporter = ConsoleSpanExporter(out=telemetry_file)", "exporter = OTLPSpanExporter()");
    expect(changed.split("\n").filter((one) => !text.includes(one))).toHaveLength(2);
    await writeFile(join(directory, "enchanted_agent.py"), changed);
    const { stdout } = await promisify(execFile)(python, ["enchanted_agent.py"], {
      cwd: directory,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${pod.env["ENCHANTED_OTLP_HTTP_PORT"]}` },
    });
    expect(stdout).toBe(terminal);
    const told = (type: string): unknown[] =>
      peer.frames.filter(({ envelope }) => envelope.event_type === type).map((frame) => producerPart(frame).payload);
    await until("the cycle is stored", () => told("AGENT_EXECUTION_CYCLE").length === 1);
    expect([told("DECISION_RATIONALE"), told("STATE_CHANGE")]).toEqual([[decision], [change]]);
    await until("the span went on", () => peer.spans.length === 1);
    expect(await stopScribe(scribe)).toBe(0);
    await peer.close();
    await rm(directory, { recursive: true });
    await scribeStage.remove();
  });
});
