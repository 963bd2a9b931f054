import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createConnector } from "./connection.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "kubeconfigs-"));
});
afterAll(() => rm(dir, { recursive: true }));

const config = (host: string, current: string, name = "dev"): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: `https://${host}` } }],
    users: [{ name, user: { token: host } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: host } }],
    "current-context": current,
  });

const told = async (texts: readonly string[], context?: string) => {
  const paths = await Promise.all(
    texts.map(async (text, at) => {
      const path = join(dir, `${at}.yaml`);
      await writeFile(path, text);
      return path;
    }),
  );
  const [path = "", ...more] = paths;
  const source = { kind: "file", path, more, ...(context === undefined ? {} : { context }) } as const;
  const connector = createConnector(source, { monotonicMs: () => 0 });
  const { base, headers } = await connector.current();
  connector.close();
  return [base.host, connector.namespace, headers["Authorization"]];
};

describe("several kubeconfigs", () => {
  const one = ["one", "one", "Bearer one"];
  it.each([
    ["the first of a name", [config("one", "dev"), config("two", "dev")]],
    ["the context of a later one, where the first names none", [config("one", ""), config("two", "dev")]],
    ["a later one behind an empty one", ["", config("one", "dev")]],
    ["the first before an empty one", [config("one", "dev"), ""]],
    ["what is left beside one of comments", ["# made by a tool\n---\n\n", config("one", "dev")]],
    ["the first that names a context", [config("one", "dev"), config("two", "other", "other")]],
  ])("are read as kubectl does: %s", async (_, texts) => {
    expect(await told(texts)).toEqual(one);
  });

  it("are told apart by the context that is asked for", async () => {
    const files = [config("one", "dev"), config("two", "other", "other")];
    expect(await told(files, "other")).toEqual(["two", "two", "Bearer two"]);
    await expect(told(files, "third")).rejects.toThrow('has no context "third"; it has dev, other');
  });

  it("that are all empty name no cluster", async () => {
    await expect(told(["", "# nothing"])).rejects.toThrow("has no cluster in its current context");
  });
});
