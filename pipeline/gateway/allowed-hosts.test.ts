import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { allowedHostPattern } from "#nervous-system/schemas/resources/egress.ts";
import { findAllowed } from "#pipeline/gateway/allowed-hosts.ts";
import { parseEndpoint } from "#nervous-system/kernel/endpoint.ts";

const ask = (allowHosts: readonly string[], authority: string) => {
  const wanted = parseEndpoint(authority);
  return wanted === undefined ? undefined : findAllowed(allowHosts, wanted);
};

describe("findAllowed", () => {
  it.each([
    ["the name itself, at 443", "registry.example.org", "registry.example.org:443"],
    ["whatever case it is asked in", "registry.example.org", "Registry.EXAMPLE.org:443"],
    ["with the root's dot behind it", "registry.example.org", "registry.example.org.:443"],
    ["at the entry's own port", "registry.example.org:8443", "registry.example.org:8443"],
    ["a name below a suffix", "*.example.org", "registry.example.org:443"],
    ["a name far below a suffix", "*.example.org", "a.b.registry.example.org:443"],
    ["a name in punycode", "xn--bcher-kva.example", "xn--bcher-kva.example:443"],
    ["a name of one label", "forge", "forge:443"],
  ])("lets pass %s", (_, entry, authority) => {
    const found = ask(["other.example", entry], authority);
    expect(found?.host).toBe(authority.toLowerCase().replace(/\.?:.*$/, ""));
    expect(found?.port).toBe(Number(authority.split(":").at(-1)));
  });

  it.each([
    ["anything where nothing is allowed", [], "registry.example.org:443"],
    ["another port", ["registry.example.org"], "registry.example.org:80"],
    ["443 where the entry has a port of its own", ["registry.example.org:8443"], "registry.example.org:443"],
    ["a suffix's bare name", ["*.example.org"], "example.org:443"],
    ["a suffix's bare name behind a dot", ["*.example.org"], ".example.org:443"],
    ["a name that only ends alike", ["*.example.org"], "evilexample.org:443"],
    ["a name that an allowed one is the beginning of", ["example.org"], "example.org.evil.test:443"],
    ["a name below one without a wildcard", ["example.org"], "a.example.org:443"],
    ["two dots at the end", ["example.org"], "example.org..:443"],
    ["a wildcard as a name", ["*.example.org"], "*.example.org:443"],
    ["letters that only look alike", ["example.org"], "ex\u0430mple.org:443"],
    ["a unicode name for its punycode", ["xn--bcher-kva.example"], "b\u00FCcher.example:443"],
    ["a wide dot", ["example.org"], "example\u3002org:443"],
    ["bytes that end a name in C", ["*.example.org"], "evil.test\0.example.org:443"],
    ["an address", ["*.example.org", "example.org"], "10.0.0.1:443"],
    ["an address in IPv6", ["example.org"], "[::1]:443"],
    // No API server takes these entries; the gateway trusts none of that.
    ["an address though an entry names it", ["10.0.0.1"], "10.0.0.1:443"],
    ["an address though a suffix fits it", ["*.0.0.1"], "10.0.0.1:443"],
    ["a number that resolvers take for an address", ["2130706433", "0x7f.1"], "0x7f.1:443"],
    ["everything by a bare star", ["*", "*.", "*:443"], "example.org:443"],
    ["a name for an entry in capitals", ["Example.org"], "example.org:443"],
  ])("lets %s not pass", (_, allowHosts, authority) => {
    expect(ask(allowHosts, authority)).toBeUndefined();
  });

  /** Few labels, so that entries and targets meet often. */
  const label = fc.constantFrom("a", "b", "org", "xn--a", "127");
  const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join("."));
  const port = fc.constantFrom(443, 80);
  const entry = fc
    .tuple(fc.boolean(), name, fc.constantFrom("", "", ":443", ":80"))
    .map(([below, host, at]) => `${below ? "*." : ""}${host}${at}`);
  const anyEntry = fc.oneof(
    { weight: 3, arbitrary: entry },
    fc.string(),
    fc.constantFrom("*", "*.", "", "*.*", ":443", "*:443"),
  );
  const other = fc.oneof(
    fc.string(),
    fc.tuple(name, fc.string()).map(([host, tail]) => host + tail),
    fc.ipV4(),
  );
  const target = fc
    .tuple(fc.oneof({ weight: 3, arbitrary: name }, other, fc.ipV6()), fc.constantFrom("", ".", ".."))
    .map(([host, dot]) => host + dot);

  /** The rule once more, by other means: label by label, from the end. */
  const isCovered = (one: string, host: string, at: number): boolean => {
    if (!new RegExp(allowedHostPattern).test(one)) return false;
    const [pattern = "", own = "443"] = one.split(":");
    const wanted = pattern.split(".").toReversed();
    const given = host.split(".").toReversed();
    if (Number(own) !== at) return false;
    return wanted.at(-1) === "*"
      ? given.length >= wanted.length && wanted.slice(0, -1).every((part, i) => part === given[i])
      : wanted.join() === given.join();
  };

  it("never lets anything pass that no entry covers, and always what one covers", () => {
    let passed = 0;
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 6 }), target, port, (allowHosts, host, at) => {
        const found = findAllowed(allowHosts, { host, port: at });
        const plain = host.endsWith(".") ? host.slice(0, -1) : host;
        const isName = /^[a-z0-9.-]+$/.test(plain) && /[a-z][a-z0-9-]*$/.test(plain) && !/(^|\.)\d+$/.test(plain);
        const expected = isName && allowHosts.some((one) => isCovered(one, plain, at));
        if (found !== undefined) passed += 1;
        expect(found).toEqual(expected ? { host: plain, port: at } : undefined);
      }),
      { numRuns: 20_000, endOnFailure: true },
    );
    expect(passed).toBeGreaterThan(50);
  });
});
