import { describe, expect, it } from "@jest/globals";
import { proxyFor } from "./proxy.ts";

const by = (url: string, env: Record<string, string>) => proxyFor(new URL(url), env);

describe("the proxy that a call goes by", () => {
  it.each([
    ["none", "https://a.test", {}, undefined],
    ["none of the other scheme", "https://a.test", { HTTP_PROXY: "http://p" }, undefined],
    ["that of its scheme", "https://a.test", { HTTPS_PROXY: "http://p", ALL_PROXY: "socks5://s" }, "http://p/"],
    ["that of all schemes", "http://a.test", { ALL_PROXY: "http://p" }, "http://p/"],
    ["the small spelling first", "http://a.test", { all_proxy: "http://p", ALL_PROXY: "http://q" }, "http://p/"],
    ["one without a scheme", "http://a.test", { http_proxy: "p:3128" }, "http://p:3128/"],
    ["one with a large scheme", "http://a.test", { http_proxy: "HTTP://p:3128" }, "http://p:3128/"],
    ["one with a percent sign", "http://a.test", { http_proxy: "http://u:5%@p" }, "http://u:5%25@p/"],
  ])("is %s", (_, url, env, href) => {
    expect(by(url, env)?.href).toBe(href);
  });

  it.each(["socks5://s:1080", "socks5h://s", "SOCKS4://s", "ftp://p", "http://[p"])(
    "is known as one that cannot be spoken to: %s",
    (proxy) => {
      expect(by("https://a.test", { ALL_PROXY: proxy })).toEqual({ variable: "ALL_PROXY", href: undefined });
    },
  );
});

describe("a host that needs no proxy", () => {
  const isDirect = (url: string, list: string): boolean =>
    by(url, { ALL_PROXY: "http://p", NO_PROXY: list }) === undefined;

  it.each([
    ["a name", "http://corp.test/v1", "corp.test"],
    ["a name in other letters", "http://llm.corp.test", "CORP.Test"],
    ["an end without a dot", "http://llm.corp.test", "corp.test"],
    ["an end with a dot", "http://llm.corp.test", ".corp.test"],
    ["an end with a dot, itself", "http://corp.test", ".corp.test"],
    ["an end with a star", "http://llm.corp.test", "*.corp.test"],
    ["a name with a dot behind", "http://corp.test.", "corp.test"],
    ["a star", "http://a.test", "*"],
    ["a star among others", "http://a.test", "b.test,*"],
    ["a name and a port", "http://corp.test:8080", "corp.test:8080"],
    ["an end and a port", "http://llm.corp.test:8080", "corp.test:8080"],
    ["the port that goes without saying", "https://corp.test", "corp.test:443"],
    ["one among others and spaces", "http://corp.test", " a.test , corp.test\tb.test "],
    ["an address", "http://127.0.0.1:9/v1", "127.0.0.1"],
    ["a network", "http://127.0.0.1:9/v1", "127.0.0.0/8"],
    ["an address of IPv6", "http://[::1]:9", "::1"],
    ["one in brackets, with a port", "http://[::1]:9", "[::1]:9"],
    ["a network of IPv6", "http://[fd00::1]", "fd00::/8"],
  ])("is one by %s", (_, url, list) => {
    expect(isDirect(url, list)).toBe(true);
  });

  it.each([
    ["nothing", "http://a.test", ""],
    ["another name with the same end", "http://notcorp.test", "corp.test"],
    ["the name under a star", "http://corp.test", "*.corp.test"],
    ["another port", "http://corp.test:8080", "corp.test:80"],
    ["another network", "http://10.0.0.1", "127.0.0.0/8,::/0"],
    ["a network for a name", "http://a.test", "0.0.0.0/0"],
    ["commas", "http://a.test", " , ,"],
  ])("is none by %s", (_, url, list) => {
    expect(isDirect(url, list)).toBe(false);
  });

  it("is read of the small spelling first", () => {
    const proxy = { ALL_PROXY: "http://p", NO_PROXY: "a.test", no_proxy: "b.test" };
    expect([by("http://a.test", proxy)?.href, by("http://b.test", proxy)]).toEqual(["http://p/", undefined]);
  });
});
