import { describe, expect, it } from "@jest/globals";
import { mountsBelow } from "./cleanup.ts";

const line = (path: string) => `100 20 0:50 / ${path} rw,relatime - tmpfs tmpfs rw`;
const mountinfo = ["/", "/s", "/s/a", "/s/a/deep", "/state", "/s/with\\040space"].map(line).join("\n");

describe("mountsBelow", () => {
  it("answers what lies at or below a directory, the latest first, and no neighbour of a like name", () => {
    expect(mountsBelow(mountinfo, "/s")).toEqual(["/s/with space", "/s/a/deep", "/s/a", "/s"]);
  });
  it("answers nothing where nothing is mounted", () => {
    expect(mountsBelow(mountinfo, "/other")).toEqual([]);
  });
});
