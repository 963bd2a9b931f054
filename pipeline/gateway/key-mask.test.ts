import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { withoutKey } from "./key-mask.ts";

const key = "aab-aab-aab-aab-aac";
const shown = "[redacted:model-key]";

async function* inPieces(pieces: readonly string[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

const passedOn = async (apiKey: string | undefined, pieces: readonly string[]): Promise<Buffer[]> => {
  const passed: Buffer[] = [];
  for await (const piece of withoutKey(inPieces(pieces), apiKey)) passed.push(piece);
  return passed;
};

const masked = async (apiKey: string | undefined, pieces: readonly string[]): Promise<string> =>
  Buffer.concat(await passedOn(apiKey, pieces)).toString();

describe("the key in an answer", () => {
  it("is cut out wherever the answer is cut, and everything else stays", async () => {
    const atoms = fc.constantFrom(key, key.slice(0, -1), key.slice(4), "a", "aab-", "c", "ü", "");
    await fc.assert(
      fc.asyncProperty(
        fc.array(atoms, { maxLength: 12 }),
        fc.array(fc.nat(40), { maxLength: 12 }),
        async (parts, cuts) => {
          let rest = parts.join("");
          const pieces = cuts.map((cut) => {
            const piece = rest.slice(0, cut);
            rest = rest.slice(cut);
            return piece;
          });
          expect(await masked(key, [...pieces, rest])).toBe(parts.join("").replaceAll(key, shown));
        },
      ),
    );
  });

  it("is held back no longer than it might be one", async () => {
    const passed = await passedOn(key, ["said aab-aab-", "x", "aab"]);
    expect(passed.map(String)).toEqual(["said ", "aab-aab-x", "aab"]);
  });

  it.each([undefined, "", "EMPTY", "ollama"])("is none where nobody needs one: %j", async (none) => {
    expect(await masked(none, ["EMPTY oll", "ama"])).toBe("EMPTY ollama");
  });
});
