import { findPlaces, lookAt, type Place } from "#nervous-system/git/places.ts";
import { nameOf } from "#nervous-system/git/paths.ts";
import { OWN_REPOSITORY } from "#nervous-system/git/refusals.ts";
import { createStager } from "#nervous-system/git/stage-places.ts";
import type { Repository } from "./repository.ts";

/** A path that is not taken into the record, and why, in words for the model. */
export type LeftOut = { readonly path: string; readonly why: string };

// Git would take it as a submodule, without its files.
const isOwnRepository = ({ kind, stats }: Place): boolean => kind === "untracked" && stats?.isDirectory() === true;

/** Creates what stages everything in the workspace but what Git cannot take, and answers that. */
export const createStaging = ({ record, workTree, index }: Repository): (() => Promise<LeftOut[]>) => {
  const stage = createStager({ git: record, top: workTree, index });
  return async () => {
    const places = await lookAt(workTree, await findPlaces(record));
    const repositories = places.filter(isOwnRepository).map(({ path }) => ({ path, why: OWN_REPOSITORY }));
    const refused = await stage(places.filter((place) => !isOwnRepository(place)));
    return [...repositories, ...refused].map(({ path, why }) => ({ path: nameOf(path), why }));
  };
};
