import type { Command } from "../arguments.ts";
import { readerOptions } from "../options.ts";

/** What `enchanted graph` takes. */
export const graphCommand: Command = {
  name: "graph",
  summary: "draw what the swarm's graph knows of a file or a mission",
  description: [
    "dependents draws what a change of a file may break: what depends on it, directly or by up to eight steps, in each mission's workspace. mission draws how a mission came to what it changed: agents, decisions, the changes that these led to, files, commits, pull requests, and what took those back.",
    "Asks the questions dependents and provenance of `enchanted ask`, by the same right. What stands in a tree already is named again and marked (above), and not drawn again. In Mermaid and Graphviz texts are cut at 80 characters; JSON has them whole.",
  ],
  operand: { name: "what", choices: ["dependents", "mission"] },
  options: [
    { name: "file", type: "string", value: "path", description: "path of the file in the workspace (dependents)" },
    {
      name: "mission",
      type: "string",
      value: "name",
      description: "the mission (mission); only in this mission's workspace (dependents)",
    },
    {
      name: "place",
      type: "string",
      value: "number",
      description: "as it was when this place was the stream's last (dependents)",
    },
    ...readerOptions,
    {
      name: "output",
      type: "string",
      value: "format",
      description: "how to draw: a tree of text for people, code of Mermaid or Graphviz (dot), json for programs",
      default: "text",
      choices: ["text", "mermaid", "dot", "json"],
    },
  ],
  examples: [
    ["enchanted graph dependents --file src/db/pool.ts", "what a change of that file may break"],
    ["enchanted graph mission --mission fix-login --output dot | dot -Tsvg > fix-login.svg", "as a picture"],
  ],
  exitCodes: [
    ["0", "it was drawn, or there is nothing to draw"],
    ["1", "the reader refused or could not be asked; the message says why"],
    ["2", "the command line is wrong; the message says which part"],
  ],
  load: async () => (await import("../graph.ts")).graph,
};
