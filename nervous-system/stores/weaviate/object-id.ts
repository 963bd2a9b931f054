import { generateUuid5 } from "weaviate-client";

/** The id of an object that is always the same for the same parts, whatever is in them. */
export const objectIdOf = (...parts: ReadonlyArray<string | number>): string => generateUuid5(JSON.stringify(parts));
