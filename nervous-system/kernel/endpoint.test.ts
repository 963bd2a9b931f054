import { describe, expect, it } from "@jest/globals";
import { addressOf, bareHost, parseEndpoint } from "./endpoint.ts";

describe("parseEndpoint", () => {
  it("takes a host and a port and nothing more", () => {
    expect(parseEndpoint("Git.Example:443")).toEqual({ host: "git.example", port: 443 });
    expect(parseEndpoint("[::1]:80")).toEqual({ host: "[::1]", port: 80 });
    for (const bad of [
      "git.example",
      "git.example:0",
      "git.example:65536",
      "a@b:1",
      "http://x:1",
      "a:b:1",
      "::1:80",
      ":1",
      "a/b:1",
    ])
      expect({ bad, parsed: parseEndpoint(bad) }).toEqual({ bad, parsed: undefined });
  });
});

describe("addressOf", () => {
  it("is what sockets take, and may ask for a free port", () => {
    expect(addressOf("[::1]:0")).toEqual({ host: "::1", port: 0 });
    expect(addressOf("collector:4317")).toEqual({ host: "collector", port: 4317 });
    expect(() => addressOf("collector")).toThrow('"collector" is not host:port');
  });

  it("leaves hosts without brackets as they are", () => {
    expect(["[fe80::1]", "a.example"].map(bareHost)).toEqual(["fe80::1", "a.example"]);
  });
});
