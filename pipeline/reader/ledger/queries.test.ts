import { describe, expect, it } from "@jest/globals";
import { questions } from "#nervous-system/schemas/questions/catalog.ts";
import { framesTable } from "#pipeline/siphon/ledger/tables.ts";
import { graphQuestions } from "#pipeline/reader/graph/store.ts";
import { memoryQuestions } from "#pipeline/reader/memory/store.ts";
import { ledgerQueries } from "./queries.ts";

const types = {
  text: "String",
  words: "Array(String)",
  since: "DateTime64(9, 'UTC')",
  until: "DateTime64(9, 'UTC')",
  count: "UInt64",
};

describe.each(ledgerQueries.map(({ question, sql }) => [question.name, question, sql] as const))(
  "the query %s",
  (_, question, sql) => {
    const placeholders = new Map(
      [...sql.matchAll(/\{(\w+):([^{}]*)\}/g)].map(([, name = "", type = ""]) => [name, type]),
    );

    it("binds every parameter of its question, and nothing else but namespace and limit", () => {
      const own = Object.entries(question.parameters).map(([name, { kind }]) => [name, types[kind]]);
      expect(Object.fromEntries(placeholders)).toEqual({
        ...Object.fromEntries(own),
        namespace: "String",
        limit: "UInt32",
      });
    });

    it("reads the namespace alone wherever it reads", () => {
      const tables = sql.split(`FROM ${framesTable}`).slice(1);
      expect(tables.length).toBeGreaterThan(0);
      for (const rest of tables) expect(rest.trimStart()).toMatch(/^WHERE namespace = \{namespace:String\} AND /);
      expect(sql).not.toContain("context_frames,");
    });
  },
);

it("every question has an answer", () => {
  expect([...ledgerQueries.map(({ question }) => question), ...memoryQuestions, ...graphQuestions]).toEqual(questions);
});
