/** One way in which words make a forge, its CI or a bot do something, and how it is taken from them: they stay readable. */
type Effect = { readonly words: RegExp; readonly instead: string | ((found: string, ...groups: string[]) => string) };

const isSkip = /skip|\bno\b|\bnone\b/i;

// Each pattern looks at a bounded stretch from wherever it begins, so that none takes time by the square of a text.
const effects: readonly Effect[] = [
  // Mentions of users, teams and bots, `owner/repo@commit`, addresses of trailers.
  { words: /@(?=\S)/g, instead: "@ " },
  // References, which a keyword in front of them makes into orders: `fixes #1`, `owner/repo#2`, `!3`, `PROJ-4 #close`.
  { words: /#(?=[\p{L}\p{N}_])/gu, instead: "# " },
  { words: /!(?=[0-9])/g, instead: "! " },
  {
    words:
      /(\/(?:issues|pulls?|pull-requests|merge_requests|work_items|edit|discussions|milestones?|browse)\/)(?=[0-9])/gi,
    instead: "$1 ",
  },
  // Keys of trackers and GH-5: with a hyphen that looks the same and joins no key. Linear and Shortcut read small letters, too.
  { words: /([A-Z][A-Z0-9_]{0,30}|[A-Za-z][A-Za-z0-9_]{1,30})-(?=[0-9])/g, instead: "$1\u2011" },
  // Words that keep CI from running: `[skip ci]`, `[ci skip]`, `[no ci]` and whatever service stands in place of "ci" …
  {
    words: /\[([^[\]]{0,200})\]/g,
    instead: (found, inside = "") => (isSkip.test(inside) ? `(${inside})` : found),
  },
  // … `***NO_CI***`, `--skip-ci`, `skip-checks: true`.
  { words: /(?<![A-Za-z])(skip|request|none|no)[-_](?=ci|check|action|build|deploy|test|travis)/gi, instead: "$1 " },
  { words: /(?<![A-Za-z])(ci|checks?|actions?|builds?|deploy|tests?|travis)[-_](?=skip)/gi, instead: "$1 " },
  // Trailers: people's consent and ours. A quoted line is none, but a title is no quoted line.
  { words: /(-by|\b(?:mission|agent|record)):/gi, instead: "$1 :" },
  // References that GitLab writes in brackets, and what release-please reads of a body in place of the commit.
  { words: /(\[(?:issue|work_item|epic|merge_request|vulnerability):)(?=[0-9])/gi, instead: "$1 " },
  { words: /(BEGIN|END|NESTED)_(?=COMMIT|NESTED)/gi, instead: "$1 " },
  // Comments of HTML, in which forges hide and bots look for marks.
  { words: /<!(?=-)/g, instead: "<! " },
];

// Bidirectional marks and the like let a text look other than it is; the two separators begin a line for some readers only.
const clean = (text: string): string =>
  text
    .replaceAll(/[^\P{Cc}\n\t]|\p{Default_Ignorable_Code_Point}/gu, "")
    .replaceAll(/[\u2028\u2029]/g, "\n")
    .toWellFormed();

/** A text of the agent's in which nothing makes a forge, its CI or a bot act, whatever renders or reads it. */
export const neutralise = (text: string): string => {
  let neutral = clean(text);
  for (const { words, instead } of effects)
    neutral = typeof instead === "string" ? neutral.replaceAll(words, instead) : neutral.replaceAll(words, instead);
  return neutral;
};

const cut = (line: string, max: number): string =>
  line.length <= max ? line : `${line.slice(0, max - 1).toWellFormed()}…`;

// `git rebase --autosquash` obeys a subject that begins so.
const rebaseOrder = /^(fixup|squash|amend|reword|drop)!/i;

/** One line of at most `max` characters, whatever the agent wrote; empty where it wrote nothing that can be seen. */
export const neutralLine = (text: string, max: number): string => {
  const line = cut(clean(text).replaceAll(/\s+/g, " ").trim(), max);
  return cut(neutralise(line).replace(rebaseOrder, "$1 !"), max);
};

const maxQuotedCharacters = 16_000;
/** Nothing wraps the lines of a commit message, or of code in a pull request. */
const lineCharacters = 100;

const wrapLine = (line: string): readonly string[] => {
  if (line.length <= lineCharacters) return [line];
  const lines: string[] = [];
  let current = "";
  for (const word of line.split(" ")) {
    const isFull = current !== "" && current.length + 1 + word.length > lineCharacters;
    if (isFull) lines.push(current);
    current = isFull || current === "" ? word : `${current} ${word}`;
  }
  return [...lines, current];
};

/**
 * The agent's words, neutral, each line of it behind a mark: it begins no trailer, no command of a bot, no patch and no block of
 * Markdown. Empty where there are none.
 */
export const quote = (text: string, mark: string): string => {
  const words = neutralise(text.slice(0, maxQuotedCharacters)).trim();
  if (words === "") return "";
  const lines = words.split("\n").flatMap(wrapLine);
  return lines.map((line) => `${mark}${line}`.trimEnd()).join("\n");
};
