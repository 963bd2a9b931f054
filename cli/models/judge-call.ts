import type { IncomingMessage } from "node:http";
import type { CallRefusal } from "#scribe/inputs/carry-call.ts";
import { whyForeign } from "../foreign-caller.ts";
import { isSame } from "./path-secret.ts";
import { refuse } from "./refusals.ts";
import { segmentOf, type ModelWays } from "./routes.ts";

/** What of a request tells whether it may pass, and where to. */
type Asked = Pick<IncomingMessage, "url" | "headers">;

/** A call of the program: its path behind the secret, and the ways which that secret opens. */
type JudgedCall = { asked: Asked } & Pick<ModelWays, "ways">;

// As whoever resolves them may read them: URL takes a backslash for a slash, other servers `%2f`, too.
const climbs = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){2}(?:[/\\]|%2f|%5c|$)/i;

/** Whether a call comes from the program: it knows the secret, comes by no browser and stays below its base URL. */
export const judgeCall = (
  { url = "", headers }: Asked,
  { ways }: Pick<ModelWays, "ways">,
  secret: string,
): JudgedCall | CallRefusal => {
  const [, given = "", rest = ""] = /^\/([^/?#]*)([^]*)$/.exec(url) ?? [];
  const opened = ways.filter((way) => isSame(given, segmentOf(way, secret)));
  if (opened.length === 0) return refuse(404, "this port passes on what comes by the base URLs that it gave");
  const foreign = whyForeign(headers);
  if (foreign !== undefined) return refuse(403, foreign);
  if (climbs.test(rest.split(/[?#]/, 1)[0] ?? "")) return refuse(400, 'a path with ".." in it is passed on nowhere');
  return { asked: { url: rest, headers }, ways: opened };
};
