import type { IncomingMessage } from "node:http";
import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { readAnswer, type ReadAnswer } from "#nervous-system/codecs/exchange/read-answer.ts";
import { headOf } from "./answer-filter.ts";
import { withoutKey } from "./key-mask.ts";

// What a provider says of a request that it refuses is a few lines.
const maxRefusalBytes = 256 * 1024;

/** Reads the refusal of a request that will be made again, as far as it comes within `withinMs`; never rejects. */
export const readRefusal = async (
  response: IncomingMessage,
  apiKey: string | undefined,
  { withinMs, clock }: { readonly withinMs: number; readonly clock: Pick<Clock, "after"> },
): Promise<ReadAnswer & { readonly answer: Buffer; readonly isWhole: boolean }> => {
  const gathered = gatherBytes();
  const cancel = clock.after(withinMs, () => response.destroy());
  try {
    for await (const chunk of withoutKey(response, apiKey)) {
      gathered.add(chunk);
      // Leaving the loop destroys the response.
      if (gathered.size > maxRefusalBytes) break;
    }
  } catch {
    // What came is what there is.
  } finally {
    cancel();
  }
  const answer = gathered.take();
  const { complete: isWhole } = response;
  const read = await readAnswer(headOf(response), answer, { maxBytes: maxRefusalBytes, isWhole });
  return { ...read, isWhole, answer: read.decoded ?? answer };
};
