import { frameTypes } from "#nervous-system/schemas/frames/catalog.ts";

/** How many letters have to be put in, taken out or changed to make one word of another. */
const distance = (one: string, other: string): number => {
  let before = Array.from({ length: other.length + 1 }, (_, n) => n);
  for (const [n, letter] of Array.from(one).entries()) {
    const row = [n + 1];
    for (let m = 1; m <= other.length; m += 1) {
      const changed = (before[m - 1] ?? 0) + (letter === other[m - 1] ? 0 : 1);
      row.push(Math.min(changed, (before[m] ?? 0) + 1, (row[m - 1] ?? 0) + 1));
    }
    before = row;
  }
  return before.at(-1) ?? 0;
};

const NEAR = 2;
const LONGEST = 64;

/** The known event types that somebody may have meant, all of them where none is near. */
export const nearTypes = (given: string): readonly string[] => {
  const type = given.slice(0, LONGEST).toUpperCase();
  const near = frameTypes.filter((one) => one.split("_").includes(type) || distance(type, one) <= NEAR);
  return near.length > 0 ? near : frameTypes;
};
