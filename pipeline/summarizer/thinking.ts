// As servers leave them in an answer, with attributes or not; Kimi's are of triangles.
const tag = /<(\/?)(?:think|thinking|thought)(?:\s[^<>]{0,200})?>|◁(\/?)think▷/gi;

/** Thinking stands between tags; a closing one without another before it ends what the chat template began, and an open one nothing ends. */
const outsideTags = (text: string): string => {
  let said = "";
  let from = 0;
  let thinks = false;
  for (const { 0: found, 1: closes, 2: alsoCloses, index } of text.matchAll(tag)) {
    const isClosing = (closes ?? alsoCloses) === "/";
    if (!thinks) said = isClosing ? "" : said + text.slice(from, index);
    thinks = !isClosing;
    from = index + found.length;
  }
  return thinks ? said : said + text.slice(from);
};

// The format of gpt-oss, with its marks and as it is where a server drops them.
const FINAL = "<|channel|>final";
const withoutMarks = /^\s*analysis(?=\S)[^]*assistantfinal/;

/** What stands in the last final channel; undefined where the text has no channels. */
const finalChannel = (text: string): string | undefined => {
  if (!text.includes("<|channel|>")) return undefined;
  const at = text.lastIndexOf(FINAL);
  const body = at < 0 ? "" : text.slice(at + FINAL.length).split("<|message|>")[1];
  return (body ?? "").split(/<\|(?:start|end|return|call|channel)\|>/)[0] ?? "";
};

/** What a model said, without what its server left of its thinking in the answer. */
export const withoutThinking = (text: string): string =>
  outsideTags(finalChannel(text) ?? text.replace(withoutMarks, ""));
