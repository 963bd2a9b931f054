import { parseExactIntegers } from "#nervous-system/recorder/exact-json.ts";
import { isJsonObject } from "#nervous-system/kernel/json-object.ts";

/** A frame's payload with every number as its producer wrote it; undefined where there is none, such as in an erased frame. */
export const exactPayload = (bytes: Uint8Array): unknown => {
  try {
    const frame = parseExactIntegers(Buffer.from(bytes).toString("utf8"));
    return isJsonObject(frame) ? frame["payload"] : undefined;
  } catch {
    return undefined;
  }
};
