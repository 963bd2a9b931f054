import { copyFile, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import * as z from "zod";
import { packPlugin } from "#platform/plugin/archive.ts";
import { renderPluginManifest } from "#platform/plugin/manifest.ts";
import { repositoryRoot } from "#platform/environment.ts";
import { run, tryRun } from "#platform/process/run.ts";
import { ensureTool } from "#platform/tools/ensure-tool.ts";

// What krew demands of a manifest (sigs.k8s.io/krew, pkg/index/validation), and its index of a short description.
const platform = z.strictObject({
  selector: z.strictObject({
    matchLabels: z.strictObject({ os: z.literal("linux"), arch: z.enum(["amd64", "arm64"]) }),
  }),
  uri: z.url({ protocol: /^https$/ }).regex(/\.(tar\.gz|zip)$/),
  sha256: z.string().regex(/^[a-f0-9]{64}$/),
  bin: z.string().regex(/^(?!\.\.?\/|\/).+/),
  files: z.array(z.strictObject({ from: z.string().min(1), to: z.string().min(1) })).min(1),
});
const krewManifest = z.strictObject({
  apiVersion: z.literal("krew.googlecontainertools.github.com/v1alpha2"),
  kind: z.literal("Plugin"),
  metadata: z.strictObject({ name: z.string().regex(/^[\w-]+$/) }),
  spec: z.strictObject({
    version: z.string().regex(/^v\d+\.\d+\.\d+$/),
    shortDescription: z.string().min(1).max(50),
    description: z.string().min(1),
    caveats: z.string().min(1),
    platforms: z.array(platform).min(1),
  }),
});

let dir = "";
let archive = "";
let sha256 = "";

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "plugin-"));
  archive = join(dir, "enchanted.tar.gz");
  sha256 = await packPlugin(repositoryRoot, archive);
}, 120_000);

afterAll(() => rm(dir, { recursive: true, force: true }));

const manifestOf = () =>
  krewManifest.parse(
    renderPluginManifest("0.1.0", [{ arch: "amd64", uri: "https://example.org/plugin/enchanted.tar.gz", sha256 }]),
  );

describe("the plugin for krew", () => {
  it("has a manifest that krew takes, which names what is packed", async () => {
    const { spec, metadata } = manifestOf();
    expect(metadata.name).toBe("enchanted");
    const packed = await run(["tar", "--list", "--verbose", `--file=${archive}`]);
    // krew takes files and directories, and nothing else.
    expect(packed.split("\n").filter((line) => line !== "" && !/^[d-]/.test(line))).toEqual([]);
    expect(packed).toMatch(new RegExp(`^-rwxr-xr-x .* \\./${spec.platforms[0]!.bin}$`, "m"));
    expect(packed).toMatch(/ \.\/LICENSE$/m);
  });

  it("runs as krew installs it: moved out of the archive and linked, without a Node or a checkout of its user's", async () => {
    const { spec, metadata } = manifestOf();
    const [store, bin] = [join(dir, "store/enchanted/v0.1.0"), join(dir, "bin")];
    for (const folder of [store, bin]) await mkdir(folder, { recursive: true });
    await run(["tar", "--extract", `--directory=${store}`, `--file=${archive}`]);
    await symlink(join(store, spec.platforms[0]!.bin), join(bin, `kubectl-${metadata.name}`));
    await copyFile(await ensureTool("kubectl"), join(bin, "kubectl"));
    const kubectl = (...args: string[]) =>
      tryRun([join(bin, "kubectl"), "enchanted", ...args], {
        cwd: dir,
        env: { PATH: `${bin}:/usr/bin:/bin`, HOME: dir, KUBECONFIG: join(dir, "none") },
      });
    expect(await kubectl("--version")).toEqual({ code: 0, stdout: "0.1.0\n", stderr: "" });
    expect(await kubectl("wait", "--help")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Usage: enchanted wait /),
    });
    // A command that speaks to a cluster gets as far as finding none.
    const alone = await kubectl("wait", "fix-bug", "--timeout", "1s");
    expect(alone.code).not.toBe(0);
    expect(alone.stderr).toContain("kubeconfig");
  });
});
