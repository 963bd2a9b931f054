import { execFileSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import fc from "fast-check";
import { catalog, frameTypes } from "#nervous-system/schemas/frames/catalog.ts";
import { parseFrameText } from "#test/builders/frame-text.ts";
import { ensurePythonEnvironment } from "#platform/tools/python-environment.ts";
import { anyJson, anyPayloadOf } from "#test/builders/any-payload.ts";
import { goldenFrames, invalidFiles, invalidFrames, problemsOf } from "#test/golden/golden-frames.ts";

jest.setTimeout(60_000);

const schemas = "nervous-system/schemas";
let python: string;
let directory: string;

beforeAll(async () => {
  python = await ensurePythonEnvironment();
  directory = await mkdtemp(join(tmpdir(), "enchanted-frames-"));
  // Installed as a user of the package does; its build leaves files beside the sources, so it is built from a copy.
  await cp(join(schemas, "python"), join(directory, "source"), { recursive: true });
  const install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-input"];
  execFileSync(python, [...install, "--target", join(directory, "site"), join(directory, "source")]);
}, 600_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

const runPython = (args: readonly string[], input = ""): string =>
  execFileSync(python, args, {
    input,
    encoding: "utf8",
    env: { PYTHONPATH: join(directory, "site"), PYTHONDONTWRITEBYTECODE: "1" },
    maxBuffer: 64 * 1024 * 1024,
  });

/** What zod, Pydantic and JSON Schema say of frames, each given as its text. */
const verdictsOf = (texts: readonly string[]): Array<[zod: string, pydantic: string, schema: string]> => {
  const judged = JSON.parse(
    runPython(["test/integration/schemas/judge.py", `${schemas}/json/event_v1.json`], JSON.stringify(texts)),
  ) as Array<[string, string]>;
  return judged.map((others, at) => {
    const isRight = problemsOf(JSON.parse(texts[at] ?? "")).length === 0;
    return [isRight ? "taken" : "refused", ...others];
  });
};

const unlike = (texts: readonly string[]): unknown[] =>
  verdictsOf(texts)
    .map((verdicts, at) => ({ text: texts[at], verdicts }))
    .filter(({ verdicts }) => new Set(verdicts).size > 1);

describe("Pydantic models, JSON Schema and zod", () => {
  it("take every golden frame alike", () => {
    const frames = goldenFrames();
    expect(verdictsOf(frames.map((frame) => JSON.stringify(frame)))).toEqual(
      frames.map(() => ["taken", "taken", "taken"]),
    );
  });

  it("refuse every wrong one alike", () => {
    const frames = invalidFiles().flatMap(invalidFrames);
    const verdicts = verdictsOf(frames.map(({ frame }) => JSON.stringify(frame)));
    expect(verdicts.map((three, at) => [frames[at]?.name, ...three])).toEqual(
      frames.map(({ name }) => [name, "refused", "refused", "refused"]),
    );
  });

  it("take whole numbers alike however they are spelled", () => {
    const gap = (from: string): string => `{"event_type":"GAP","payload":{"epoch":1,"from":${from},"to":9,"why":"x"}}`;
    expect(verdictsOf(["1", "1.0", "1e0", "1.5", "-1", '"1"', "9007199254740991"].map(gap)).map(String)).toEqual([
      "taken,taken,taken",
      "taken,taken,taken",
      "taken,taken,taken",
      "refused,refused,refused",
      "refused,refused,refused",
      "refused,refused,refused",
      "taken,taken,taken",
    ]);
  });

  it("judge any payload of every type alike, also with a member taken away, changed or added", () => {
    const frames = fc.constantFrom(...frameTypes).chain((event_type) =>
      anyPayloadOf(catalog[event_type].payload).chain((payload) => {
        const names = Object.keys(catalog[event_type].payload.shape);
        const change = fc.record({ name: fc.constantFrom(...names, "stranger"), value: fc.option(anyJson) });
        return fc.array(change, { maxLength: 1 }).map((changes) => {
          const changed = changes.map(({ name, value }) => [name, value === null ? undefined : value] as const);
          return JSON.stringify({ event_type, payload: { ...payload, ...Object.fromEntries(changed) } });
        });
      }),
    );
    const texts = fc.sample(frames, 1500);
    expect(unlike(texts)).toEqual([]);
    const kinds = new Set(texts.map((text) => problemsOf(JSON.parse(text)).length === 0));
    expect(kinds.size).toBe(2); // right ones and wrong ones were among them
  });
});

describe("the Python package", () => {
  it("has the version of the product", async () => {
    const { version } = JSON.parse(await readFile("package.json", "utf8")) as { version: string };
    const code = 'from importlib.metadata import version; print(version("enchanted-frames"))';
    expect(runPython(["-c", code]).trim()).toBe(version);
  });

  it("writes lines that the recorder takes, from payloads, with what was left out left out", () => {
    const code = `
from datetime import datetime, timezone
from enchanted_frames import ContextFrame, Gap, StateChange
change = StateChange(file_modified="a.py", lines_added=3, mood={"calm": None})
at = datetime(2026, 11, 21, 4, 59, 34, tzinfo=timezone.utc)
print(ContextFrame.of(change, agent_id="a", timestamp=at).line(), end="")
print(ContextFrame.of(Gap(epoch=1, from_=2, to=3, why="x")).line(), end="")
print(ContextFrame(event_type="HEARTBEAT").line(), end="")
`;
    const lines = runPython(["-c", code]).trimEnd().split("\n");
    expect(lines.map((line) => parseFrameText(line))).toEqual([
      {
        ok: true,
        flags: [],
        frame: {
          agent_id: "a",
          timestamp: "2026-11-21T04:59:34+00:00",
          event_type: "STATE_CHANGE",
          payload: { file_modified: "a.py", lines_added: 3, mood: { calm: null } },
        },
      },
      { ok: true, flags: [], frame: { event_type: "GAP", payload: { epoch: 1, from: 2, to: 3, why: "x" } } },
      { ok: true, flags: [], frame: { event_type: "HEARTBEAT", payload: {} } },
    ]);
  });

  it("names the member that is wrong", () => {
    const code = `
from enchanted_frames import ContextFrame
from pydantic import ValidationError
for frame in ({"event_type": "THOUGHT", "payload": {}}, {"event_type": "THOUGHT", "event_id": None}):
    try:
        ContextFrame.model_validate(frame)
    except ValidationError as error:
        print(str(error).replace("\\n", " "))
`;
    const [missing, absent] = runPython(["-c", code]).trimEnd().split("\n");
    expect(missing).toMatch(/text +Field required/);
    expect(absent).toMatch(/event_id may be left out, but is never null/);
  });
});
