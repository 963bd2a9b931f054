import type { ToolCall } from "./protocols.ts";

/** Gathers the tools that one answer calls, of which a stream may tell again. */
export type CalledTools = { add(call: ToolCall): void; names(): readonly string[] };

type Heard = { id: string; name: string };

/** Creates a gatherer that holds nothing. */
export const createCalledTools = (): CalledTools => {
  const all: Heard[] = [];
  /** By place and id; by place alone the one that was heard of last. */
  const heard = new Map<string, Heard>();
  const known = (place: string, { id, name }: Heard): Heard | undefined => {
    const last = heard.get(`${place}/`);
    // Some servers name a call again without its id, or give it one only then; others never give any, nor count the place.
    const isLast = last?.name === name && (id === "" || last.id === "");
    return (id === "" ? undefined : heard.get(`${place}/${id}`)) ?? (isLast ? last : undefined);
  };
  return {
    add: ({ place, id = "", name }) => {
      if (typeof name !== "string" || name === "") return;
      const told = place === undefined ? undefined : known(place, { id, name });
      const call = told ?? { id, name };
      if (told === undefined) all.push(call);
      call.name = name;
      call.id ||= id;
      if (place !== undefined) for (const key of [`${place}/`, `${place}/${call.id}`]) heard.set(key, call);
    },
    names: () => all.map(({ name }) => name),
  };
};
