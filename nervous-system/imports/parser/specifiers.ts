/** More than any source that a person wrote names; what stands behind is not read. */
const MAX_SPECIFIERS = 4096;
/** A longer one is no path of a file and no name of a package. */
export const MAX_SPECIFIER_CHARS = 1024;

/** What a source names, each once, in the order in which it stands there. */
export type Specifiers = {
  add(specifier: string): void;
  /** Notes that something was left out. */
  cut(): void;
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
      // To look a long one up would take memory for all of it, which till then may be but a note of its parts.
      if (specifier.length > MAX_SPECIFIER_CHARS) isCut = true;
      else if (found.size >= MAX_SPECIFIERS && !found.has(specifier)) isCut = true;
      else if (specifier !== "") found.add(specifier);
    },
    cut: () => {
      isCut = true;
    },
    isCut: () => isCut,
    all: () => [...found],
  };
};
