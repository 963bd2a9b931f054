import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import Dockerode from "dockerode";
import type { Layout } from "../cluster/layout.ts";
import { packContext, type ContextParts } from "./context.ts";
import { findDigest, type Registry } from "./registry.ts";

/** An image to build: a name below `enchanted/`, its context and the arguments of the build. */
export type ImageRecipe = ContextParts & {
  readonly name: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Stands for the content of the files, where reading them each time would take long. */
  readonly contentKey?: string;
  /** A further tag, for who cannot know the content. */
  readonly alias?: string;
};

/** Builds images and has them in the node's registry. */
export type ImageBuilder = {
  /** Answers the image by digest, built only when nothing built from the same inputs is in the registry. */
  buildImage(recipe: ImageRecipe): Promise<string>;
  /** Puts a root file system (made by `makeTar`) into the registry under a key, unless it is there. */
  importRoot(name: string, key: string, makeTar: () => Promise<string>): Promise<string>;
};

const TAG_LENGTH = 32;

/** The tag that names everything an image is made of. */
export const renderImageTag = (recipe: Pick<ImageRecipe, "dockerfile" | "buildArgs">, content: string): string =>
  createHash("sha256")
    .update(JSON.stringify([recipe.dockerfile, recipe.buildArgs ?? {}, content]))
    .digest("hex")
    .slice(0, TAG_LENGTH);

type Progress = { error?: string; stream?: string };

/** dockerd answers 200 and tells of failure inside the stream. */
const finish = (docker: Dockerode, stream: NodeJS.ReadableStream, what: string): Promise<void> =>
  new Promise((resolve, reject) =>
    docker.modem.followProgress(stream, (error, events: Progress[] | null) => {
      const failure = error?.message ?? events?.find((event) => event.error !== undefined)?.error;
      if (failure === undefined) return resolve();
      const output = (events ?? [])
        .map(({ stream: text = "" }) => text)
        .join("")
        .split("\n")
        .slice(-20);
      reject(new Error(`${what} failed: ${failure}\n${output.join("\n")}`));
    }),
  );

/** Creates a builder on the platform's dockerd. */
export const createImageBuilder = (layout: Layout, registry: Registry): ImageBuilder => {
  const docker = new Dockerode({ socketPath: layout.dockerSocket });
  const { host, user: username, password } = registry;
  const account = { username, password, serveraddress: host };
  const push = async (name: string, tag: string): Promise<string> => {
    const stream = await docker.getImage(`${host}/${name}:${tag}`).push({ authconfig: account });
    await finish(docker, stream, `The push of ${name}:${tag}`);
    const digest = await findDigest(registry, name, tag);
    if (digest === undefined) throw new Error(`The registry lost ${name}:${tag} right after its push.`);
    return `${host}/${name}@${digest}`;
  };
  const present = async (name: string, tag: string): Promise<string | undefined> => {
    const digest = await findDigest(registry, name, tag);
    return digest === undefined ? undefined : `${host}/${name}@${digest}`;
  };
  const build = async (recipe: ImageRecipe, name: string, tag: string, tarFile: string) => {
    const stream = await docker.buildImage(createReadStream(tarFile), {
      t: `${host}/${name}:${tag}`,
      buildargs: { ...recipe.buildArgs },
      registryconfig: { [host]: account },
      // Builds have no link of their own here; a RUN step uses the machine's.
      networkmode: "host",
    });
    await finish(docker, stream, `The build of ${name}`);
    const reference = await push(name, tag);
    if (recipe.alias !== undefined) {
      await docker.getImage(`${host}/${name}:${tag}`).tag({ repo: `${host}/${name}`, tag: recipe.alias });
      await push(name, recipe.alias);
    }
    return reference;
  };
  return {
    buildImage: async (recipe) => {
      const name = `enchanted/${recipe.name}`;
      if (recipe.contentKey !== undefined) {
        const known = await present(name, renderImageTag(recipe, recipe.contentKey));
        if (known !== undefined) return known;
      }
      await using context = await packContext(recipe);
      const tag = renderImageTag(recipe, recipe.contentKey ?? context.sha256);
      return (await present(name, tag)) ?? (await build(recipe, name, tag, context.tarFile));
    },
    importRoot: async (name, key, makeTar) => {
      const known = await present(`enchanted/${name}`, key);
      if (known !== undefined) return known;
      const reference = `${host}/enchanted/${name}`;
      const stream = await docker.importImage(await makeTar(), { repo: reference, tag: key });
      await finish(docker, stream, `The import of ${name}`);
      return push(`enchanted/${name}`, key);
    },
  };
};

/** Reads a Dockerfile of the checkout; says whose it is when it is missing. */
export const readDockerfile = async (path: string): Promise<string> => {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new Error(`The image needs ${path}, which cannot be read: ${String(error)}`, { cause: error });
  }
};
