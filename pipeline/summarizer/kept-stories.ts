import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { StreamMark } from "#nervous-system/comms/nats/stream-position.ts";
import { replaceFile } from "#nervous-system/kernel/replace-file.ts";
import { withoutWords, type MissionStory } from "#pipeline/summarizer/story.ts";
import type { Told } from "#pipeline/summarizer/window.ts";

/** Stories by their keys; undefined is one that is told to its end. */
type Changes = ReadonlyMap<string, MissionStory | undefined>;

/** The stories on the summarizer's claim, with how far the stream is in them. */
export type KeptStories = {
  /** What an earlier process kept, those first of which nothing was heard the longest. */
  readonly stories: ReadonlyMap<string, MissionStory>;
  /** The stream's last message that is in them. */
  readonly mark: StreamMark | undefined;
  /**
   * Keeps what changed, then how far that goes. A crash in between leaves stories ahead of the mark, which is as good: a frame that
   * comes again changes nothing.
   */
  save(changes: Changes, mark: StreamMark): Promise<void>;
};

const ending = ".json";

const readJson = async <T>(path: string): Promise<T | undefined> => {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as T);
};

/** Texts as an older release kept them, without what told them. */
const toldOf = (given: Told | string): Told => (typeof given === "string" ? { text: given, event: "" } : given);

/** A story that an older release may have kept: erasing takes what it cannot tell the frame of. */
const readStory = (kept: MissionStory): MissionStory => {
  const { window, task, recalled, fold } = kept;
  return {
    ...kept,
    fold: withoutWords(fold),
    task: toldOf(task),
    recalled: recalled.map(toldOf),
    ...(window === undefined ? {} : { window: { ...window, libraries: window.libraries.map(toldOf) } }),
  };
};

const readStories = async (directory: string): Promise<Map<string, MissionStory>> => {
  const names = (await readdir(directory)).filter((name) => name.endsWith(ending));
  const read = async (name: string) => {
    const story = await readJson<MissionStory>(join(directory, name));
    return story === undefined ? [] : [[name.slice(0, -ending.length), readStory(story)] as const];
  };
  const all = (await Promise.all(names.map(read))).flat();
  return new Map(all.toSorted(([, a], [, b]) => a.fold.lastSeq - b.fold.lastSeq));
};

/** Opens what a directory keeps. */
export const openKeptStories = async (directory: string): Promise<KeptStories> => {
  const storiesIn = join(directory, "missions");
  const markFile = join(directory, `mark${ending}`);
  await mkdir(storiesIn, { recursive: true, mode: 0o700 });
  const keep = async ([key, story]: readonly [string, MissionStory | undefined]): Promise<void> => {
    const file = join(storiesIn, key + ending);
    if (story === undefined) await rm(file, { force: true });
    else await replaceFile(file, JSON.stringify(story));
  };
  return {
    stories: await readStories(storiesIn),
    mark: await readJson<StreamMark>(markFile),
    save: async (changes, mark) => {
      await Promise.all([...changes].map(keep));
      await replaceFile(markFile, JSON.stringify(mark));
    },
  };
};
