/** The answer of a model is larger than any answer that makes sense. */
export class AnswerTooLarge extends Error {
  override readonly name = "AnswerTooLarge";
}

const counting = (maxBytes: number): TransformStream<Uint8Array, Uint8Array> => {
  let seen = 0;
  return new TransformStream({
    transform: (chunk, controller) => {
      seen += chunk.byteLength;
      if (seen > maxBytes) controller.error(new AnswerTooLarge(`the model's answer is larger than ${maxBytes} bytes`));
      else controller.enqueue(chunk);
    },
  });
};

/** A `fetch` whose answers fail with `AnswerTooLarge` beyond `maxBytes`, however they are read. */
export const createBoundedFetch =
  (inner: typeof fetch, maxBytes: number): typeof fetch =>
  async (input, init) => {
    const response = await inner(input, init);
    if (response.body === null) return response;
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(counting(maxBytes)), { status, statusText, headers });
  };
