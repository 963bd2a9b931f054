import { describe, expect, it } from "@jest/globals";
import { proxyEnvironment } from "./child.ts";

describe("proxyEnvironment", () => {
  it("names the proxy port and what is beside it in both spellings, and nothing where there is no port", () => {
    const url = "http://127.0.0.1:4323";
    const besideIt = "127.0.0.1,localhost";
    expect(proxyEnvironment(4323)).toEqual({
      HTTPS_PROXY: url,
      https_proxy: url,
      NO_PROXY: besideIt,
      no_proxy: besideIt,
    });
    expect(proxyEnvironment(undefined)).toEqual({});
  });
});
