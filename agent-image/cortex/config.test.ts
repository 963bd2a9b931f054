import { describe, expect, it } from "@jest/globals";
import { commandEnvironment } from "./config.ts";

const plain = { PATH: "/bin", TMPDIR: "/tmp", NO_PROXY: "127.0.0.1,localhost" };

describe("the environment of commands", () => {
  it("has the way to the allowed hosts in both spellings, where there is one", () => {
    const proxied = commandEnvironment({ ...plain, HTTPS_PROXY: "http://127.0.0.1:4323" }, "/home");
    expect(proxied).toMatchObject({
      HTTPS_PROXY: "http://127.0.0.1:4323",
      https_proxy: "http://127.0.0.1:4323",
      NO_PROXY: "127.0.0.1,localhost",
      no_proxy: "127.0.0.1,localhost",
    });
    expect(Object.keys(commandEnvironment(plain, "/home")).filter((name) => /proxy/i.test(name))).toEqual([]);
  });
});
