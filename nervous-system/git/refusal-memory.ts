import type { BigIntStats } from "node:fs";
import { aboveOf, mapSome, statsOf, type Place } from "#nervous-system/git/places.ts";
import type { Path } from "#nervous-system/git/paths.ts";
import type { Refusal } from "#nervous-system/git/refusals.ts";

const identityOf = (stats: BigIntStats | undefined): string =>
  stats === undefined ? "-" : `${stats.ino}.${stats.size}.${stats.mtimeNs}.${stats.ctimeNs}`;

/** Tells the state of everything that decides whether Git takes a place: itself, its attributes, what is its `.git`. */
const stateReader = (top: string): ((place: Place) => Promise<string>) => {
  const attributes = new Map<Path, Promise<string>>();
  const readAttributes = async (directory: Path): Promise<string> => {
    const above = directory === "" ? "" : await attributesIn(aboveOf(directory));
    const file = directory === "" ? ".gitattributes" : `${directory}/.gitattributes`;
    return `${above} ${identityOf(await statsOf(top, file))}`;
  };
  const attributesIn = (directory: Path): Promise<string> => {
    const read = attributes.get(directory) ?? readAttributes(directory);
    attributes.set(directory, read);
    return read;
  };
  return async ({ path, stats }) => {
    const inside = stats?.isDirectory() === true ? await statsOf(top, `${path}/.git`) : undefined;
    return [identityOf(stats), identityOf(inside), await attributesIn(aboveOf(path))].join(" ");
  };
};

/**
 * Asks whether Git takes places, but for what it refused before and what decides of that is as it was; answers all that are
 * refused.
 */
export const rememberRefusals = (
  top: string,
  ask: (paths: readonly Path[]) => Promise<Refusal[]>,
): ((places: readonly Place[]) => Promise<Refusal[]>) => {
  const known = new Map<Path, { readonly why: string; readonly state: string }>();
  return async (places) => {
    const stateOf = stateReader(top);
    // As it is before Git reads them: what changes meanwhile is asked again.
    const states = new Map(await mapSome(places, async (place) => [place.path, await stateOf(place)] as const));
    const recalled: Refusal[] = [];
    const unknown: Path[] = [];
    for (const [path, state] of states) {
      const before = known.get(path);
      if (before?.state === state) recalled.push({ path, why: before.why });
      else unknown.push(path);
    }
    const refused = await ask(unknown);
    for (const path of unknown) known.delete(path);
    for (const { path, why } of refused) known.set(path, { why, state: states.get(path) ?? "" });
    return [...recalled, ...refused];
  };
};
