/** Puts JSON that was printed over several lines back together, between lines that are JSON of their own. */
export type DocumentJoiner = {
  /** Takes a line without its newline; answers the whole documents and the lines that belong to none. */
  push(line: string): JoinedDocument[];
  /** What never ended. */
  end(): JoinedDocument[];
};

/** A text that should be one JSON document, with the number of its first line, or one that never ended. */
export type JoinedDocument = { text: string; isWhole: boolean; line: number };

const maxDocumentChars = 1024 * 1024;

// One that never ends goes on to the end of the line: an attempt that failed would be made again from every quote in it.
const jsonString = /"(?:[^"\\]|\\.?)*(?:"|$)/g;

/** How much deeper the text ends than it begins; strings do not count, and no string of JSON spans two lines. */
const depthOf = (text: string): number => {
  const bare = text.replaceAll(jsonString, "");
  return bare.replaceAll(/[^{[]/g, "").length - bare.replaceAll(/[^}\]]/g, "").length;
};

const isFrame = (line: string): boolean => {
  if (!line.startsWith("{") || !line.endsWith("}") || !/"event(_type)?"/.test(line)) return false;
  try {
    const value = JSON.parse(line) as Record<string, unknown>;
    return typeof (value["event_type"] ?? value["event"]) === "string";
  } catch {
    return false;
  }
};

/**
 * Creates a joiner. A document begins at a line that is a lone `{`, as every printer of indented JSON writes it, so a torn
 * line never swallows those behind it; whole frames that another process wrote in between are kept apart.
 */
export const createDocumentJoiner = (): DocumentJoiner => {
  let open: string[] = [];
  let depth = 0;
  let chars = 0;
  let line = 0;
  let began = 0;

  const take = (isWhole: boolean): JoinedDocument => {
    const joined = { text: open.join("\n"), isWhole, line: began };
    [open, depth, chars] = [[], 0, 0];
    return joined;
  };
  const add = (text: string): JoinedDocument[] => {
    open.push(text);
    depth += depthOf(text);
    chars += text.length;
    if (depth <= 0) return [take(true)];
    return chars > maxDocumentChars ? [take(false)] : [];
  };
  return {
    push: (raw) => {
      const text = raw.trim();
      line += 1;
      if (text === "") return [];
      const isOpen = open.length > 0;
      if (isOpen && text !== "{" && !isFrame(text)) return add(text);
      if (isOpen && raw.trimEnd() === "{") {
        // A second document begins at the left margin: the first was torn.
        const torn = take(false);
        began = line;
        return [torn, ...add(text)];
      }
      if (isOpen && text === "{") return add(text);
      if (text !== "{") return [{ text, isWhole: true, line }];
      began = line;
      return add(text);
    },
    end: () => (open.length > 0 ? [take(false)] : []),
  };
};
