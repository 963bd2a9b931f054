import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Host } from "../host.ts";
import { openOutput, type Output } from "./output.ts";
import { publish } from "./publish.ts";

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "enchanted-output-"));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

let salt = 0;
const openFile = (name: string, force = false): Promise<Output> =>
  openOutput({ cwd, randomHex: () => String((salt += 1)) } as unknown as Host, name, force);

describe("a file that is exported to", () => {
  it("has its name only once it is whole", async () => {
    const output = await openFile("a.jsonl");
    await output.write("x".repeat(2_000_000));
    expect(await readdir(cwd)).toEqual([expect.stringMatching(/^a\.jsonl\.\d+\.part$/)]);
    await output.write(Buffer.from("end"));
    await output.keep();
    await output.drop();
    expect(await readdir(cwd)).toEqual(["a.jsonl"]);
    expect((await readFile(join(cwd, "a.jsonl"), "utf8")).slice(-4)).toBe("xend");
  });

  it("leaves nothing where it was not kept", async () => {
    const output = await openFile("a.jsonl");
    await output.write("half");
    await output.drop();
    expect(await readdir(cwd)).toEqual([]);
  });

  it("never takes another one's place unasked, though that came meanwhile", async () => {
    const output = await openFile("a.jsonl");
    await writeFile(join(cwd, "a.jsonl"), "mine");
    await expect(output.keep()).rejects.toThrow(/exists already.*--force/);
    await output.drop();
    await expect(openFile("a.jsonl")).rejects.toThrow(/exists already.*--force/);
    expect(await readdir(cwd)).toEqual(["a.jsonl"]);
    const forced = await openFile("a.jsonl", true);
    await forced.write("theirs");
    await forced.keep();
    expect(await readFile(join(cwd, "a.jsonl"), "utf8")).toBe("theirs");
    await expect(openFile(".", true)).rejects.toThrow(/is not a file/);
    await expect(openFile("no/where")).rejects.toThrow(/the directory does not exist/);
  });

  it.each(["EPERM", "EOPNOTSUPP"])(
    "gets its name where the file system has no links (%s), but no other's",
    async (code) => {
      const noLinks = (): Promise<void> => Promise.reject(Object.assign(new Error(code), { code }));
      const [temporary, path] = [join(cwd, "a.part"), join(cwd, "a.jsonl")];
      await writeFile(temporary, "whole");
      await publish(temporary, path, noLinks);
      expect([await readdir(cwd), await readFile(path, "utf8")]).toEqual([["a.jsonl"], "whole"]);
      await writeFile(temporary, "later");
      await expect(publish(temporary, path, noLinks)).rejects.toMatchObject({ code: "EEXIST" });
      expect([await readdir(cwd), await readFile(path, "utf8")]).toEqual([["a.jsonl", "a.part"], "whole"]);
      await rm(path);
      await rm(temporary);
      await expect(publish(temporary, path, noLinks)).rejects.toMatchObject({ code: "ENOENT" });
      expect(await readdir(cwd)).toEqual([]);
    },
  );
});
