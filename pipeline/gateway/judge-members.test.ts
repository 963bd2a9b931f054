import { expect, it } from "@jest/globals";
import { refuseAmbiguousBody } from "#pipeline/gateway/judge-members.ts";

it.each([
  [{ stream: 1 }, "stream must be true or false"],
  [{ stream: 0 }, "stream must be true or false"],
  [{ stream: "true" }, "stream must be true or false"],
  [{ stream: "yes" }, "stream must be true or false"],
  [{ stream: {} }, "stream must be true or false"],
  [{ stream: true, stream_options: "x" }, "stream_options must be an object"],
  [{ stream: true, stream_options: [] }, "stream_options must be an object"],
  [{ stream: false, Stream: true }, '"Stream" must be written in lower case'],
  [{ "\u017ftream": true }, '"\u017ftream" must be written in lower case'],
  [{ MODEL: "dearer" }, '"MODEL" must be written in lower case'],
  [{ Stream_Options: {} }, '"Stream_Options" must be written in lower case'],
  [{ stream_options: { include_usage: true, Include_Usage: false } }, '"Include_Usage" must be written in lower case'],
])("a request that a lenient server reads otherwise is refused: %j", (body, why) => {
  expect(refuseAmbiguousBody(body)).toMatchObject({
    refusal: { status: 400, type: "invalid_body", message: expect.stringContaining(why) },
  });
});

it.each([
  {},
  { stream: null, stream_options: null },
  { stream: true, stream_options: { include_usage: false } },
  { stream: false, Streams: 1, metadata: { Model: "x", Stream: 1 }, ["M".repeat(100_000)]: 1 },
])("one that all read alike is not: %#", (body) => {
  expect(refuseAmbiguousBody(body)).toBeUndefined();
});
