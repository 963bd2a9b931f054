import { describe, expect, it } from "@jest/globals";
import { readPayload } from "#nervous-system/fold/read-frame.ts";
import { projectColumns } from "#pipeline/siphon/ledger/projected-columns.ts";

describe("projectColumns", () => {
  it("counts the tokens of an exchange where the gateway writes them", () => {
    const columns = projectColumns(
      readPayload("MODEL_CALL", { model: "m", input_tokens: 9, output_tokens: 3, status: 200 }),
    );
    expect(columns).toMatchObject({ model: "m", input_tokens: 9, output_tokens: 3 });
  });
});
