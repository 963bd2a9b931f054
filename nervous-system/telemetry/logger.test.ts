import { describe, expect, it } from "@jest/globals";
import { createLogger } from "#nervous-system/telemetry/logger.ts";

const capture = (): { lines: string[]; stream: { write(line: string): void } } => {
  const lines: string[] = [];
  return { lines, stream: { write: (line) => void lines.push(line) } };
};

describe("logger", () => {
  it("writes one JSON object a line with component, level and time", () => {
    const { lines, stream } = capture();
    createLogger("operator", "info", stream).child({ key: "ns/a" }).info({ n: 1 }, "reconciled");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      component: "operator",
      level: "info",
      key: "ns/a",
      n: 1,
      msg: "reconciled",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
  });

  it("leaves out what is below its level", () => {
    const { lines, stream } = capture();
    createLogger("operator", "warn", stream).info({}, "chatter");
    expect(lines).toEqual([]);
  });

  it("prints no credential, wherever it stands in the fields", () => {
    const { lines, stream } = capture();
    const log = createLogger("gateway", "info", stream);
    log.info({ token: "hunter2", request: { headers: { authorization: "Bearer hunter2" } } }, "sent");
    expect(lines[0]).not.toContain("hunter2");
    expect(lines[0]).toContain("[redacted]");
  });

  it("tells an error with its code and stack", () => {
    const { lines, stream } = capture();
    createLogger("x", "info", stream).error({ err: Object.assign(new Error("no"), { code: 409 }) }, "failed");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ err: { message: "no", code: 409 } });
  });
});
