import { spawnSync } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "@jest/globals";
import type { ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { bundleImage } from "#platform/images/bundle.ts";
import { repositoryRoot } from "#platform/environment.ts";
import { setStage, type Stage, type Started } from "#test/integration/cortex/stage.ts";

/** A stage for programs that are agents: wrapper and runner as `fetch` brings them, and a recorder, anew for each test. */
export class ProgramStage {
  at!: Stage;
  programs = "";

  /** Starts a program as the agent, as the pod does. */
  start(runtime: object, env: Readonly<Record<string, string>> = {}): Started {
    const [wrap, runner] = ["wrap.js", "runtime.js"].map((file) => join(this.programs, file));
    return this.at.startWith([wrap ?? "", "--", process.execPath, runner ?? ""], {
      ANTHROPIC_BASE_URL: "http://127.0.0.1:4321/anthropic/v1",
      ENCHANTED_SOCKET_LINK: join(this.at.directory, "link.sock"),
      ENCHANTED_RUNTIME: JSON.stringify(runtime),
      ...env,
    });
  }

  /** Payloads of the frames of a type, in their order. */
  payloads(type: string): ReadonlyArray<ProducedFrame["payload"]> {
    return this.at.recorder.frames.filter((frame) => frame.event_type === type).map(({ payload }) => payload);
  }

  /** Takes the proposal's bundle into the bare repository, as the publisher would. */
  async fetchProposal(): Promise<void> {
    const bundle = this.at.recorder.blobs.get(String(this.payloads("PROPOSAL")[0]?.["bundle"]));
    const file = join(this.at.directory, "got.bundle");
    await writeFile(file, bundle ?? "");
    this.at.git(this.at.fetched, "fetch", "--quiet", file, "refs/heads/proposal:refs/heads/proposal");
  }

  /** Whether the repository's own tests pass at a branch. */
  passesAt(branch: string): boolean {
    const clone = join(this.at.directory, branch);
    this.at.git(this.at.directory, "clone", "--quiet", "--branch", branch, this.at.fetched, clone);
    return spawnSync(process.execPath, ["--test"], { cwd: clone, env: {} }).status === 0;
  }

  /** A path on the workspace's volume. */
  volume(...path: string[]): string {
    return join(this.at.directory, "workspace", ...path);
  }
}

/** A stage that jest's hooks set up and clear away. */
export const programStage = (): ProgramStage => {
  const stage = new ProgramStage();
  beforeAll(async () => {
    stage.programs = await mkdtemp(join(tmpdir(), "programs-"));
    await bundleImage(repositoryRoot, "scribe", stage.programs);
    await symlink(join(repositoryRoot, "node_modules"), join(stage.programs, "node_modules"));
  }, 60_000);
  afterAll(() => rm(stage.programs, { recursive: true, force: true }));
  beforeEach(async () => {
    stage.at = await setStage();
  });
  afterEach(() => stage.at.close());
  return stage;
};
