import { describe, expect, it } from "@jest/globals";
import { loopbackDirect } from "./program.ts";

describe("a program behind a proxy", () => {
  const proxy = { HTTP_PROXY: "http://proxy.example.org:3128" };

  it("finds loopback among what it asks directly", () => {
    expect(loopbackDirect({})).toEqual({});
    expect(loopbackDirect(proxy)).toEqual({ NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" });
    expect(loopbackDirect({ ...proxy, no_proxy: ".example.org" })["NO_PROXY"]).toBe(".example.org,127.0.0.1");
  });

  it("keeps a star, which means everything only where it stands alone", () => {
    expect(loopbackDirect({ ...proxy, no_proxy: "*" })).toEqual({ NO_PROXY: "*", no_proxy: "*" });
  });
});
