import type { AnswerRow } from "../ask/ask-reader.ts";
import { PictureBuilder, type Picture } from "./picture.ts";

/** Something that can be drawn: the question that it is asked by, and what its rows are a picture of. */
export type Subject = {
  readonly name: string;
  readonly question: string;
  /** Options that it takes, by the parameter of the question that each is. */
  readonly options: Readonly<Record<string, string>>;
  /** The option that must be given. */
  readonly needs: string;
  draw(rows: readonly AnswerRow[], given: Readonly<Record<string, string>>): Picture;
};

type Dependent = { readonly file: string; readonly mission: string; readonly depends_on: readonly string[] };

/** A file and whatever depends on it, a picture of each mission's workspace. */
const drawDependents: Subject["draw"] = (rows, { path = "" }) => {
  const found = rows as readonly Dependent[];
  const builder = new PictureBuilder();
  const idOf = (mission: string, file: string): string => JSON.stringify([mission, file]);
  const missions = [...new Set(found.map(({ mission }) => mission))];
  const textOf = (mission: string): string => (missions.length > 1 ? `${path} in ${mission}` : path);
  const roots = missions.map((mission) =>
    builder.node({ id: idOf(mission, path), kind: "file", text: textOf(mission) }),
  );
  for (const { mission, file } of found) builder.node({ id: idOf(mission, file), kind: "file", text: file });
  for (const { mission, file, depends_on: needed } of found)
    for (const one of needed) {
      const [from, to] = [idOf(mission, one), idOf(mission, file)];
      if (builder.has(from)) builder.edge({ from, to, relation: "needed by" });
    }
  return builder.build(roots);
};

type Link = Readonly<Record<"from_kind" | "from" | "relation" | "to_kind" | "to" | "from_id" | "to_id", string>>;

const drawProvenance: Subject["draw"] = (rows) => {
  const builder = new PictureBuilder();
  const links = rows as ReadonlyArray<AnswerRow & Link>;
  const roots = new Set<string>();
  for (const row of links) {
    const from = builder.node({ id: row.from_id, kind: row.from_kind, text: row.from });
    const to = builder.node({ id: row.to_id, kind: row.to_kind, text: row.to });
    builder.edge({ from, to, relation: row.relation });
    if (row.from_kind === "mission") roots.add(from);
  }
  return builder.build([...roots]);
};

/** Everything that can be drawn. */
export const subjects: readonly Subject[] = [
  {
    name: "dependents",
    question: "dependents",
    options: { file: "path", mission: "mission", place: "place" },
    needs: "file",
    draw: drawDependents,
  },
  { name: "mission", question: "provenance", options: { mission: "mission" }, needs: "mission", draw: drawProvenance },
];
