import { randomUUID } from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "@jest/globals";
import { withLock } from "./lock.ts";

const lockModule = new URL("lock.ts", import.meta.url).href;

describe("withLock", () => {
  it("lets one at a time", async () => {
    const name = randomUUID();
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise(setImmediate);
      inside -= 1;
    };
    await Promise.all([withLock(name, work), withLock(name, work), withLock(name, work)]);
    expect(most).toBe(1);
  });

  it("is free again after its work failed", async () => {
    const name = randomUUID();
    await expect(withLock(name, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    expect(await withLock(name, () => Promise.resolve("done"))).toBe("done");
  });

  it("is free again after its holder was killed", async () => {
    const name = randomUUID();
    const script = `
      import { withLock } from ${JSON.stringify(lockModule)};
      await withLock(${JSON.stringify(name)}, () => { console.log("held"); return new Promise(() => setInterval(() => {}, 1e6)); });`;
    const holder = spawn(process.execPath, ["--input-type=module-typescript", "-e", script]);
    await once(holder.stdout, "data");
    await expect(withLock(name, () => Promise.resolve("taken"), 300)).rejects.toThrow(/held by another run/);
    holder.kill("SIGKILL");
    expect(await withLock(name, () => Promise.resolve("taken"))).toBe("taken");
  });
});
