import { createHash } from "node:crypto";
import { cpSync, readFileSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheDirectory, repositoryRoot } from "#platform/environment.ts";
import { withLock } from "#platform/process/lock.ts";
import { run } from "#platform/process/run.ts";
import { buildGoTool } from "#platform/tools/go-build.ts";
import type { GoTool } from "#platform/versions.ts";
import { fillOnce } from "#platform/process/fill-once.ts";

const peersDir = fileURLToPath(new URL("../peers", import.meta.url));

const digestOf = (...files: readonly string[]): string => {
  const hash = createHash("sha256").update(process.version);
  for (const file of files) hash.update(readFileSync(join(peersDir, file)));
  return hash.digest("hex").slice(0, 16);
};

/** Node's own headers come with its package, so that nothing is fetched to compile an add-on. */
const headersOf = (): string => dirname(dirname(process.execPath));

const generateDecoders = async (directory: string): Promise<void> => {
  const bin = join(directory, "node_modules/.bin");
  await copyFile(join(peersDir, "npm/otlp.proto"), join(directory, "otlp.proto"));
  const proto = join(directory, "otlp.proto");
  const target = ["-t", "static-module", "-w", "es6", "--no-create", "--no-convert", "--no-verify", "--no-delimited"];
  await run([join(bin, "pbjs"), ...target, "-o", join(directory, "otlp-protobufjs.js"), proto]);
  const template = {
    version: "v2",
    plugins: [{ local: "protoc-gen-es", out: join(directory, "bufbuild"), opt: ["target=js", "import_extension=js"] }],
  };
  const buf = join(repositoryRoot, "node_modules/.bin/buf");
  const binaries = `${join(repositoryRoot, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`;
  await run([buf, "generate", "--template", JSON.stringify(template), directory, "--path", proto], {
    cwd: directory,
    env: { PATH: binaries },
  });
};

/** Peers from npm, installed from a lockfile of their own, with the code that they generate; answers their directory. */
export const ensureNpmPeers = (): Promise<string> => {
  const files = ["npm/package.json", "npm/package-lock.json", "npm/otlp.proto"];
  return fillOnce(join(cacheDirectory(), "bench", `npm-${digestOf(...files)}`), async (directory) => {
    for (const name of ["package.json", "package-lock.json"])
      cpSync(join(peersDir, "npm", name), join(directory, name));
    await run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: directory });
    await run(["npm", "rebuild", "--ignore-scripts=false", "better-sqlite3", "classic-level"], {
      cwd: directory,
      env: { npm_config_nodedir: headersOf() },
    });
    await generateDecoders(directory);
  });
};

const goPeers = {
  nats: {
    group: "natscli",
    module: "github.com/nats-io/natscli",
    version: "v0.5.1",
    package: "github.com/nats-io/natscli/nats",
  },
  builder: {
    group: "ocb",
    module: "go.opentelemetry.io/collector/cmd/builder",
    version: "v0.165.0",
    package: "go.opentelemetry.io/collector/cmd/builder",
  },
} as const satisfies Record<string, GoTool>;

const ensureGoPeer = (name: keyof typeof goPeers): Promise<string> => {
  const build = { name, tool: goPeers[name], toolsDir: peersDir, cacheDir: cacheDirectory() };
  return withLock(`bench ${name}`, () => buildGoTool(build));
};

/** The `nats` command of NATS itself, with its `bench`. */
export const ensureNatsCli = (): Promise<string> => ensureGoPeer("nats");

/** The stock OpenTelemetry collector, made by its own builder; answers the program's path. */
export const ensureStockCollector = async (): Promise<string> => {
  const files = ["otelcol/builder.yaml", "otelcol/go.mod", "otelcol/go.sum"];
  const place = await fillOnce(join(cacheDirectory(), "bench", `otelcol-${digestOf(...files)}`), async (directory) => {
    const builder = await ensureGoPeer("builder");
    const config = join(peersDir, "otelcol/builder.yaml");
    const skip = ["--skip-compilation", "--skip-get-modules", "--skip-strict-versioning"];
    await run([builder, "--config", config, ...skip, "--output-path", directory]);
    for (const name of ["go.mod", "go.sum"]) cpSync(join(peersDir, "otelcol", name), join(directory, name));
    const command = ["go", "build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", "otelcol", "."];
    await run(command, { cwd: directory, env: { CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOWORK: "off" } });
  });
  return join(place, "otelcol");
};
