import { frameTypePattern } from "#nervous-system/schemas/frames/define-frame.ts";

/** A name as an event type: UPPER_SNAKE, at most 64 characters; `fallback` where nothing of it is left. */
export const eventTypeOf = (name: string, fallback: string): string => {
  if (frameTypePattern.test(name)) return name;
  const type = name
    .slice(0, 256)
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, "_")
    .replace(/^[^A-Z]+/, "")
    .slice(0, 64)
    .replace(/_+$/, "");
  return frameTypePattern.test(type) ? type : fallback;
};
