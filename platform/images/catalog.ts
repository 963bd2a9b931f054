import { basename, join, relative } from "node:path";
import { readFile, realpath } from "node:fs/promises";
import { run } from "../process/run.ts";
import { giteaAssets } from "../stores/gitea-assets.ts";
import { agentPrograms, ensureNpmProgram, type NpmProgram } from "../tools/agent-programs.ts";
import { ensureEmbeddingModel } from "../tools/embedding-model.ts";
import { ensureTool } from "../tools/ensure-tool.ts";
import { ensureNeo4j, neo4jCommand } from "../tools/neo4j.ts";
import type { ToolName } from "../versions.ts";
import { ensureBaseImage, ensureJavaImage } from "./base.ts";
import { readDockerfile, type ImageBuilder } from "./builder.ts";
import { grammarFiles } from "#nervous-system/imports/grammar-files.ts";
import { bundleImage } from "./bundle.ts";

/** Where images are made from and with what. */
export type ImageWorkshop = {
  readonly builder: ImageBuilder;
  /** The checkout. */
  readonly root: string;
  readonly cacheDir: string;
};

/** Makes one image and answers its reference by digest. */
type MakeImage = (shop: ImageWorkshop, base: () => Promise<string>) => Promise<string>;

const staticTool =
  (tool: ToolName): MakeImage =>
  async ({ builder }) => {
    const binary = await ensureTool(tool);
    return builder.buildImage({
      name: tool,
      dockerfile: `FROM scratch\nCOPY ${tool} /${tool}\nENTRYPOINT ["/${tool}"]\n`,
      files: { [tool]: binary },
      // The path names everything that the binary was built from.
      contentKey: binary.split("/").at(-2) ?? binary,
    });
  };

/** Where the parts of a product's image are, when not in the folder of its name. */
type ProductParts = { readonly folder?: string; readonly bundle?: string; readonly files?: readonly string[] };

/** A program of ours: its Dockerfile, with `ARG BASE`, over `dist/<bundle>/` and the named files of the checkout. */
const product =
  (name: string, { folder = name, bundle = name, files = [] }: ProductParts = {}): MakeImage =>
  async ({ builder, root }, base) => {
    const dockerfile = await readDockerfile(join(root, folder, "Dockerfile"));
    const further = files.map((path) => [path, join(root, path)] as const);
    return builder.buildImage({
      name,
      dockerfile,
      files: { [`dist/${bundle}`]: await bundleImage(root, bundle), ...Object.fromEntries(further) },
      buildArgs: { BASE: await base() },
    });
  };

/** An agent of others, as npm has it for this machine's architecture. */
const npmAgent =
  (program: NpmProgram, command: string): MakeImage =>
  async ({ builder, root }, base) => {
    const { directory, command: link } = await ensureNpmProgram(program, command);
    // Links become files in a context, and a script must stand beside what it imports.
    const place = relative(await realpath(directory), await realpath(join(directory, link)));
    return builder.buildImage({
      name: `agent-${command}`,
      dockerfile: await readDockerfile(join(root, "agent-image/runtimes/Dockerfile")),
      files: { node_modules: join(directory, "node_modules") },
      buildArgs: { BASE: await base(), COMMAND: command, PLACE: place },
      contentKey: `${program.npm} ${program.version} ${process.arch}`,
    });
  };

const clickhouse: MakeImage = async ({ builder, root }, base) => {
  const engine = join(root, "node_modules/chdb/package.json");
  const { version } = JSON.parse(await readFile(engine, "utf8")) as { version: string };
  const withEngine = await builder.buildImage({
    name: "clickhouse-engine",
    dockerfile: "ARG BASE\nFROM ${BASE}\nCOPY node_modules /opt/clickhouse/node_modules\n",
    files: {
      "node_modules/chdb": join(root, "node_modules/chdb"),
      "node_modules/@chdb": join(root, "node_modules/@chdb"),
    },
    buildArgs: { BASE: await base() },
    contentKey: `chdb ${version}`,
  });
  return builder.buildImage({
    name: "clickhouse",
    dockerfile: [
      "ARG BASE",
      "FROM ${BASE}",
      "COPY dist /opt/clickhouse",
      // The official image is told the same by the chart's configuration file.
      "ENV CLICKHOUSE_LISTEN_HOST=0.0.0.0 CLICKHOUSE_LISTEN_PORT=8443",
      "ENV CLICKHOUSE_TLS_CERT_FILE=/tls/tls.crt CLICKHOUSE_TLS_KEY_FILE=/tls/tls.key",
      "USER 65532:65532",
      'ENTRYPOINT ["node", "/opt/clickhouse/main.js"]',
      "",
    ].join("\n"),
    files: { dist: await bundleImage(root, "clickhouse") },
    buildArgs: { BASE: withEngine },
  });
};

/** The pipeline's image stands on the local embedder: the model and the library that runs it, for this machine's architecture. */
const pipeline: MakeImage = async (shop, base) => {
  const { builder, root } = shop;
  const model = await ensureEmbeddingModel();
  const runtime = join(root, "node_modules/onnxruntime-node");
  const { version } = JSON.parse(await readFile(join(runtime, "package.json"), "utf8")) as { version: string };
  const library = `bin/napi-v6/linux/${process.arch}`;
  const parts = ["package.json", "dist", library].map((part) => [
    `node_modules/onnxruntime-node/${part}`,
    join(runtime, part),
  ]);
  const withModel = (): Promise<string> =>
    base().then((given) =>
      builder.buildImage({
        name: "pipeline-embedder",
        dockerfile:
          "ARG BASE\nFROM ${BASE}\nCOPY node_modules /opt/pipeline/node_modules\nCOPY model /opt/pipeline/model\n",
        files: {
          ...Object.fromEntries(parts),
          "node_modules/onnxruntime-common": join(root, "node_modules/onnxruntime-common"),
          model,
        },
        buildArgs: { BASE: given },
        contentKey: `onnxruntime ${version} ${process.arch} ${basename(model)}`,
      }),
    );
  return product("pipeline")(shop, withModel);
};

const gitea: MakeImage = async ({ builder }, base) => {
  const binary = await ensureTool("gitea");
  const assets = await giteaAssets();
  return builder.buildImage({
    name: "gitea",
    dockerfile: [
      "ARG BASE",
      "FROM ${BASE}",
      "COPY gitea /usr/local/bin/gitea",
      "COPY assets /opt/gitea",
      "ENV HOME=/data USER=git",
      "RUN useradd --uid 1000 --home-dir /data git",
      "USER 1000:1000",
      'ENTRYPOINT ["/usr/local/bin/gitea"]',
      "",
    ].join("\n"),
    files: { gitea: binary, ...Object.fromEntries(Object.entries(assets).map(([k, v]) => [`assets/${k}`, v])) },
    buildArgs: { BASE: await base() },
    contentKey: binary.split("/").at(-2) ?? binary,
  });
};

// With the directories, the user and the variable of the account of the official image, whose launcher reads how much memory
// there is from the configuration.
const neo4j: MakeImage = async ({ builder, cacheDir }) => {
  const lib = await ensureNeo4j();
  const home = "/var/lib/neo4j";
  const options = ["-XX:MaxRAMPercentage=50", "-XX:+ExitOnOutOfMemoryError"];
  const command = neo4jCommand({ lib: `${home}/lib`, options, home, configuration: "/conf/neo4j.conf" });
  return builder.buildImage({
    name: "neo4j",
    dockerfile: [
      "ARG BASE",
      "FROM ${BASE}",
      `COPY lib ${home}/lib`,
      `RUN mkdir ${home}/conf ${home}/run ${home}/plugins ${home}/import && ln -s /data ${home}/data && ln -s /logs ${home}/logs`,
      "USER 7474:7474",
      `ENTRYPOINT ${JSON.stringify(command)}`,
      "",
    ].join("\n"),
    files: { lib },
    buildArgs: { BASE: await ensureJavaImage(builder, cacheDir) },
    // The path names everything that is in it.
    contentKey: basename(lib),
  });
};

const pause: MakeImage = async ({ builder, root, cacheDir }) => {
  const binary = join(cacheDir, "bin/pause/pause");
  await run(["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "."], {
    cwd: join(root, "platform/images/pause"),
    env: { CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOWORK: "off" },
  });
  return builder.buildImage({
    name: "pause",
    dockerfile: 'FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n',
    files: { pause: binary },
    alias: "1",
  });
};

const images = {
  pause,
  base: (_, base) => base(),
  nats: staticTool("nats-server"),
  s3: staticTool("versitygw"),
  jaeger: staticTool("jaeger"),
  weaviate: staticTool("weaviate"),
  clickhouse,
  neo4j,
  gitea,
  operator: product("operator"),
  pipeline,
  scribe: product("scribe", { files: ["scribe/hold-ports.pl", ...grammarFiles] }),
  supervisor: product("supervisor"),
  "agent-image": product("agent-image", { bundle: "cortex", files: grammarFiles }),
  "agent-codex": npmAgent(agentPrograms.codex, "codex"),
  "agent-opencode": npmAgent(agentPrograms.opencode, "opencode"),
  "scenario-model": product("scenario-model", {
    folder: "test/model-server",
    bundle: "model-server",
    files: ["manifests/samples/scenarios"],
  }),
} as const satisfies Record<string, MakeImage>;

/** The name of an image that the platform makes. */
export type ImageName = keyof typeof images;

/** Every image that the platform runs, in the order of making; agents of others are made by who needs them. */
export const imageNames = (Object.keys(images) as ImageName[]).filter(
  (name) => name !== "agent-codex" && name !== "agent-opencode",
);

/** Makes the named images, each only when its inputs changed, and answers them by digest. */
export const ensureImages = async (
  shop: ImageWorkshop,
  names: readonly ImageName[],
  tell: (name: ImageName, reference: string) => void,
): Promise<Partial<Record<ImageName, string>>> => {
  let base: Promise<string> | undefined;
  const baseOnce = (): Promise<string> => (base ??= ensureBaseImage(shop.builder, shop.root, shop.cacheDir));
  const made: Partial<Record<ImageName, string>> = {};
  for (const name of names) {
    const reference = await images[name](shop, baseOnce);
    made[name] = reference;
    tell(name, reference);
  }
  return made;
};
