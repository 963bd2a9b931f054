import { isJsonObject } from "#nervous-system/kernel/json-object.ts";

/** An object without the members that are null, which a proxy or an older server may send in place of none. */
export const withoutNulls = <T>(value: T): T => {
  const clean = (one: unknown): unknown => {
    if (Array.isArray(one)) return one.filter((item) => item !== null).map(clean);
    if (!isJsonObject(one)) return one;
    const present = Object.entries(one).filter(([, member]) => member !== null);
    return Object.fromEntries(present.map(([name, member]) => [name, clean(member)]));
  };
  return clean(value) as T;
};
