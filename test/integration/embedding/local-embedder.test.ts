import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { EmbedderFailure, type Embedder } from "#pipeline/embedding/embedder.ts";
import { createLocalEmbedder } from "#pipeline/embedding/local/local-embedder.ts";
import { modelFiles } from "#pipeline/embedding/local/model-files.ts";
import { repositoryRoot } from "#platform/environment.ts";
import { ensureEmbeddingModel } from "#platform/tools/embedding-model.ts";

const never = new AbortController().signal;
const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, at) => sum + value * b[at]!, 0);

describe("the local sentence transformer", () => {
  let directory: string;
  let embedder: Embedder;
  beforeAll(async () => {
    directory = await ensureEmbeddingModel();
    embedder = createLocalEmbedder(directory);
  }, 600_000);
  afterAll(() => embedder.close());

  it("puts the same meaning in other words nearer than other meanings in the same words", async () => {
    const [bug, reworded, other] = await embedder.embed(
      [
        "The date picker shows the wrong day for users west of Greenwich",
        "Calendar widget is off by one in negative UTC offsets",
        "The date of the first day in the picker is shown in the wrong colour",
      ],
      never,
    );
    expect(cosine(bug!, reworded!)).toBeGreaterThan(0.4);
    const [crash, leak, unlike] = await embedder.embed(
      ["the process runs out of memory", "RAM usage grows until the OOM killer strikes", "the button is blue"],
      never,
    );
    expect(cosine(crash!, leak!)).toBeGreaterThan(cosine(crash!, unlike!) + 0.2);
    expect(other).toHaveLength(embedder.dimensions);
  });

  it("gives a text the same vector of length one, alone or among others", async () => {
    const text = "the parser drops the last line without a newline";
    const [alone] = await embedder.embed([text], never);
    const [, among] = await embedder.embed(["a much longer text, about something else", text, "short"], never);
    expect(among).toEqual(alone);
    expect(cosine(alone!, alone!)).toBeCloseTo(1, 4);
  });

  it("reads the first 256 tokens of a long text, and takes any characters", async () => {
    const start = "one two three four ".repeat(64);
    const [long, longer] = await embedder.embed([start, `${start} ${"entirely other words ".repeat(40_000)}`], never);
    expect(cosine(long!, longer!)).toBeCloseTo(1, 3);
    const strange = await embedder.embed(["", "\u0000", "\ud800", "𝄞 漢字 🙂", "x".repeat(100_000)], never);
    expect(strange.flatMap((vector) => [...vector]).every(Number.isFinite)).toBe(true);
  });

  it("tells nobody of its use", async () => {
    const [file, files] = [join(repositoryRoot, "pipeline/embedding/local/local-embedder.ts"), directory];
    const program = `(async () => {
      const { createLocalEmbedder } = await import(${JSON.stringify(file)});
      const embedder = createLocalEmbedder(${JSON.stringify(files)});
      await embedder.embed(["hello"], new AbortController().signal);
      await embedder.close();
    })()`;
    const cwd = await mkdtemp(join(tmpdir(), "enchanted-embedder-"));
    // Where it would, it leaves a file of its session, and says that it cannot keep the id of this machine.
    const env = { PATH: process.env["PATH"], HOME: "/proc/nowhere", XDG_CACHE_HOME: "/proc/nowhere" };
    const { stderr } = await promisify(execFile)(process.execPath, ["-e", program], { env, cwd });
    expect(await readdir(cwd)).toEqual([]);
    await rm(cwd, { recursive: true });
    expect(stderr).not.toMatch(/telemetry/i);
  });

  it("serves callers side by side and leaves the event loop free", async () => {
    let turns = 0;
    const counting = setInterval(() => (turns += 1), 5);
    const text = "the reconnect loop spins without back-off when the broker refuses the session ".repeat(10);
    const [many, few] = await Promise.all([embedder.embed(Array(6).fill(text), never), embedder.embed([text], never)]);
    clearInterval(counting);
    expect(many[5]).toEqual(few[0]);
    expect(turns).toBeGreaterThan(5);
  });

  it("stops when told to, and answers the next", async () => {
    const abort = new AbortController();
    const asked = embedder.embed(Array(500).fill("something to read"), abort.signal);
    asked.catch(() => {});
    await embedder.embed(["first"], never);
    abort.abort(new Error("stop"));
    await expect(asked).rejects.toThrow("stop");
    expect(await embedder.embed(["after"], never)).toHaveLength(1);
  });
});

describe("a model whose files are missing", () => {
  it("is a failure that passes when they come", async () => {
    const empty = await mkdtemp(join(tmpdir(), "enchanted-model-"));
    const embedder = createLocalEmbedder(empty);
    try {
      await expect(embedder.embed(["one"], never)).rejects.toThrow(EmbedderFailure);
      const directory = await ensureEmbeddingModel();
      for (const file of Object.values(modelFiles)) await symlink(join(directory, file), join(empty, file));
      expect(await embedder.embed(["one"], never)).toHaveLength(1);
    } finally {
      await embedder.close();
      await rm(empty, { recursive: true, force: true });
    }
  }, 60_000);
});
