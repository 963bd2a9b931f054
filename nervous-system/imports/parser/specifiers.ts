/** More than any source that a person wrote names; what stands behind is not read. */
const MAX_SPECIFIERS = 4096;
const MAX_SPECIFIER_CHARS = 1024;

/** What a source names, each once, in the order in which it stands there. */
export type Specifiers = {
  add(specifier: string): void;
  /** Whether something was left out, being too much or too long. */
  isCut(): boolean;
  all(): readonly string[];
};

/** Creates an empty collection. */
export const createSpecifiers = (): Specifiers => {
  const found = new Set<string>();
  let isCut = false;
  return {
    add: (specifier) => {
      const isTooMuch = specifier.length > MAX_SPECIFIER_CHARS || found.size >= MAX_SPECIFIERS;
      if (isTooMuch && !found.has(specifier)) isCut = true;
      else if (specifier !== "") found.add(specifier);
    },
    isCut: () => isCut,
    all: () => [...found],
  };
};
