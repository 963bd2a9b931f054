import * as z from "zod";
import { withRules, type CelRule } from "#nervous-system/schemas/resources/define-resource.ts";

// What other programs read in another way than we do: taken silently, a path that is meant to be protected would not be.
const misreadings: ReadonlyArray<{ readonly found: RegExp; readonly message: string }> = [
  {
    found: /^!/,
    message: "a path does not begin with !: nothing is taken out of a list; name what may not change in deniedPaths",
  },
  { found: /^\s|\s$/, message: "a path neither begins nor ends with white space" },
  {
    found: /[^/][*][*]|[*][*][^/]/,
    message:
      "** is a whole part of a path, for any number of folders: write **/*.js, or *.js for names at the top only",
  },
  {
    found: /^\/|\/$/,
    message: "a path neither begins nor ends with /: src is the folder at the top and everything below it",
  },
  { found: /(^|\/)[.]{1,2}(\/|$)/, message: "a path begins at the top of the repository and has no . or .. in it" },
];

/** Why a text is no pattern of paths, in words that say what to write; undefined where it is one. */
export const misreadPattern = (text: string): string | undefined =>
  misreadings.find(({ found }) => found.test(text))?.message;

// CEL has a slash as it is, and takes a raw text for a pattern.
const ruleOf = ({ found, message }: (typeof misreadings)[number]): CelRule => ({
  rule: `!self.matches(r'${found.source.replaceAll(String.raw`\/`, "/")}')`,
  message,
});

/** A pattern of paths of a repository. A slash too many is let through here, for the rule to say it in words. */
export const pathPattern = withRules(
  z
    .string()
    .min(1)
    .max(256)
    .regex(/^\/?[^/\\[\]{}?]+(\/[^/\\[\]{}?]+){0,15}\/?$/)
    .describe(
      "Path from the top of the repository, for itself and everything below; * stands for any characters of a name, ** for any number of folders.",
    ),
  ...misreadings.map(ruleOf),
);
