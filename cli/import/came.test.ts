import { expect, it } from "@jest/globals";
import { cameOf } from "./came.ts";

const answer = { held: 0, refused: 0, why: "", upTo: Infinity };

it.each([
  ["everything is new to a collector that held nothing", answer, { added: 4, known: 0, refused: 0 }],
  ["what it held is known", { ...answer, held: 3 }, { added: 1, known: 3, refused: 0 }],
  ["what it refused is not new", { ...answer, held: 1, refused: 2 }, { added: 1, known: 1, refused: 2 }],
  ["what is still on its way is neither", { ...answer, held: 1, upTo: 3 }, { added: 2, known: 1, refused: 0 }],
  ["of a chain that reads otherwise nothing is", { ...answer, held: 4, upTo: 0 }, { added: 0, known: 0, refused: 0 }],
  ["where nobody answers nothing is", { ...answer, held: undefined, upTo: 0 }, { added: 0, known: 0, refused: 0 }],
  ["nor where nothing was sent", undefined, { added: 0, known: 0, refused: 0 }],
])("%s", (_, arrived, came) => {
  expect(cameOf([1, 2, 3, 4], arrived)).toEqual(came);
});
