import { describe, expect, it } from "@jest/globals";
import { readFileSync } from "node:fs";
import { readConsoleSpan } from "#cli/record/console-span.ts";
import { createDocumentJoiner } from "#nervous-system/recorder/context-file/document-joiner.ts";
import { frameTypes } from "#nervous-system/schemas/frames/catalog.ts";
import { parseFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { parseFrameText } from "#test/builders/frame-text.ts";
import { decodeProducedFrame, encodeProducedFrame } from "#nervous-system/schemas/frames/produced-frame-codec.ts";
import { parseTracesJson } from "#nervous-system/codecs/otlp/json.ts";
import { framesFromSpan } from "#nervous-system/codecs/otlp/spans-to-frames.ts";
import {
  briefLines,
  briefShell,
  briefSpans,
  goldenFrames,
  invalidFiles,
  invalidFrames,
  keptOutput,
  problemsOf,
} from "./golden-frames.ts";

/** As JSON: what a store would hold of it. */
const written = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe("golden frames", () => {
  it("are several for every type, each under an id of its own", () => {
    const types = goldenFrames().map((frame) => frame.event_type);
    for (const type of frameTypes) expect([type, types.filter((one) => one === type).length > 1]).toEqual([type, true]);
    expect(new Set(goldenFrames().map((frame) => frame["event_id"])).size).toBe(types.length);
  });

  it.each(goldenFrames().map((frame) => [frame["event_id"], frame]))("%s comes back as it was written", (_, frame) => {
    const { parent_event_id: parentEventId, ...rest } = frame as Record<string, unknown>;
    const cause = parentEventId === undefined ? {} : { parentEventId };
    expect(parseFrame(frame)).toEqual({ ok: true, frame: rest, ...cause, flags: [] });
    expect(problemsOf(frame)).toEqual([]);
  });

  it.each(goldenFrames().map((frame) => [frame["event_id"], frame as Record<string, unknown>] as const))(
    "%s is the same in protobuf",
    (_, frame) => {
      const decoded = decodeProducedFrame(encodeProducedFrame(frame));
      if (!decoded.ok) throw new Error(decoded.reason);
      const { payloadJson } = decoded;
      const payload = payloadJson === undefined ? {} : { payload: JSON.parse(payloadJson) as unknown };
      expect({ ...decoded.frame, ...payload }).toEqual(frame);
    },
  );
});

describe("wrong frames", () => {
  it.each(invalidFiles())("of %s are refused by the schema and met by the recorder as is kept", (file) => {
    const met = invalidFrames(file).map(({ name, frame }) => {
      const parsed = parseFrame(frame);
      const recorder = parsed.ok ? { kept: parsed.frame, flags: parsed.flags } : { refused: parsed.reason };
      return { name, problems: problemsOf(frame), recorder };
    });
    expect(met.filter(({ problems }) => problems.length === 0)).toEqual([]);
    expect(written(met)).toEqual(keptOutput(file, met));
  });
});

describe("the brief's examples come to what is kept:", () => {
  it("its lines", () => {
    const met = briefLines().map(({ name, line }) => ({ name, ...parseFrameText(line) }));
    expect(written(met)).toEqual(keptOutput("brief/lines.json", met));
  });

  it("its code concept of a span", () => {
    const met = briefSpans().map(({ name, request }) => ({
      name,
      frames: parseTracesJson(Buffer.from(JSON.stringify(request))).flatMap(framesFromSpan),
    }));
    expect(written(met)).toEqual(keptOutput("brief/spans.json", met));
  });

  it("the line that its shell program writes", () => {
    const met = parseFrameText(briefShell().written);
    expect(written(met)).toEqual(keptOutput("brief/shell.json", met));
  });

  it("the file that its script writes", () => {
    const joiner = createDocumentJoiner();
    const text = readFileSync("test/integration/cli/golden/console-spans.jsonl", "utf8");
    const documents = [...text.trimEnd().split("\n").flatMap(joiner.push), ...joiner.end()];
    const met = documents.map((document) => readConsoleSpan(JSON.parse(document.text) as Record<string, unknown>));
    expect(met).toHaveLength(1);
    expect(written(met)).toEqual(keptOutput("brief/console-spans.json", met));
  });
});
