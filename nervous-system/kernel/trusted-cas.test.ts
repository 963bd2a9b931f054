import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { casOfNode, casOfPrograms, readExtraCas, trustedCas, writeCaBundle } from "./trusted-cas.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "cas-"));
});
afterAll(() => rm(directory, { recursive: true }));

const fileOf = async (text: string): Promise<string> => {
  const path = join(directory, "extra.pem");
  await writeFile(path, text);
  return path;
};

describe("further CAs", () => {
  it("come from a file, and are none without one or where it is empty", async () => {
    expect(await readExtraCas(undefined)).toBeUndefined();
    expect(await readExtraCas(await fileOf(" \n"))).toBeUndefined();
    expect(await readExtraCas(await fileOf("pem\n"))).toBe("pem\n");
    await expect(readExtraCas(join(directory, "missing"))).rejects.toThrow("ENOENT");
  });

  it("stand beside the machine's own", () => {
    expect(trustedCas("pem")).toEqual([...trustedCas(), "pem"]);
  });

  it("are those that the environment names for a Node, whatever ours was started with", async () => {
    const env = { NODE_EXTRA_CA_CERTS: await fileOf("pem") };
    expect(casOfNode(env)).toEqual([...trustedCas(), "pem"]);
    expect(casOfNode({ NODE_EXTRA_CA_CERTS: join(directory, "missing") })).toEqual(trustedCas());
    expect(casOfPrograms(env)).toContain("pem");
  });

  it("are written into one file that only its owner reads", async () => {
    const path = await writeCaBundle(join(directory, "all.pem"), ["one\n", "two"]);
    expect(await readFile(path, "utf8")).toBe("one\ntwo\n");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });
});
