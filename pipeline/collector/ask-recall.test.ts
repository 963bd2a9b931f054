import { expect, it } from "@jest/globals";
import { fromBinary } from "@bufbuild/protobuf";
import { AskRequestSchema } from "#nervous-system/schemas/gen/reader_pb.ts";
import { createAskRecall } from "./ask-recall.ts";

const limits = { deadlineMs: 1_000, signal: new AbortController().signal };

/** What a reader is asked with these names. */
const askedWith = async (names: { libraries?: string[]; paths?: string[] }): Promise<unknown> => {
  let asked: unknown;
  const serverStream = async function* (_method: unknown, request: Buffer): AsyncGenerator<Buffer> {
    asked = JSON.parse(fromBinary(AskRequestSchema, request).paramsJson);
    yield* [];
  };
  const ask = createAskRecall({ serverStream });
  const query = { what: "fix login", libraries: [], paths: [], limit: 0, ...names };
  await ask("team-a", query, limits).catch(() => undefined);
  return asked;
};

it("asks about the names that can be asked for, and nothing where none of them can", async () => {
  expect(await askedWith({ paths: ["a.js", "docs/My file.md"] })).toMatchObject({ paths: "a.js" });
  expect(await askedWith({ paths: ["docs/My file.md"] })).toBeUndefined();
  expect(await askedWith({ libraries: ["a b"], paths: [] })).toBeUndefined();
  expect(await askedWith({})).toMatchObject({ what: "fix login", libraries: "", paths: "" });
});
