import { describe, expect, it } from "@jest/globals";
import { renderCacheKey, type BuildInputs } from "./cache-key.ts";

const inputs: BuildInputs = {
  tool: { group: "etcd", module: "m", version: "v3.6.0", package: "m/cmd/etcd" },
  goMod: "module a",
  goSum: "sum",
  goVersion: "1.26.8",
};

describe("renderCacheKey", () => {
  it("names group and version for people", () => {
    expect(renderCacheKey(inputs)).toMatch(/^etcd-v3\.6\.0-[0-9a-f]{16}$/);
  });

  it("is the same for the same inputs", () => {
    expect(renderCacheKey(structuredClone(inputs))).toBe(renderCacheKey(inputs));
  });

  it.each<[string, BuildInputs]>([
    ["go.mod", { ...inputs, goMod: "module b" }],
    ["go.sum", { ...inputs, goSum: "other" }],
    ["the Go version", { ...inputs, goVersion: "1.27.0" }],
    ["the package", { ...inputs, tool: { ...inputs.tool, package: "m/cmd/other" } }],
    ["cgo", { ...inputs, tool: { ...inputs.tool, cgo: true } }],
    ["the tags", { ...inputs, tool: { ...inputs.tool, tags: "sqlite" } }],
    ["the linker's flags", { ...inputs, tool: { ...inputs.tool, ldflags: "-X a=b" } }],
  ])("changes with %s", (_, changed) => {
    expect(renderCacheKey(changed)).not.toBe(renderCacheKey(inputs));
  });
});
