import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { isRepository, listsRepository, meantRepository } from "#nervous-system/kubernetes/repository-pattern.ts";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";

const app = "https://git.example/team/app.git";

describe("listsRepository", () => {
  it.each([
    ["the very URL", app, app],
    ["it without .git, or with a slash", "https://git.example/team/app/", app],
    ["a repository without .git", app, "https://git.example/team/app"],
    ["a star for the name", "https://git.example/team/*", app],
    ["a star within a name", "https://git.example/team/a*p", app],
    ["a star for the team", "https://git.example/*/app", app],
    ["whatever lies below", "https://git.example/**", app],
    ["whatever lies below, deeply", "https://git.example/group/**", "https://git.example/group/sub/deep/app.git"],
    ["one of several, between commas, blanks and lines", `https://a.example/b,\n  https://git.example/team/* ,`, app],
    ["a host in capitals", "https://GIT.example/team/app", "https://Git.Example/team/app"],
    ["a port", "https://git.example:3000/team/*", "https://git.example:3000/team/app"],
    ["the port of https", "https://git.example:443/team/*", app],
    ["what is spelled out", "https://git.example/a%2fb/app", "https://git.example/a%2fb/app"],
  ])("knows %s", (_, list, repo) => {
    expect(listsRepository(list, repo)).toBe(true);
  });

  it.each([
    ["another repository", "https://git.example/team/app2", app],
    ["a team that only begins so", "https://git.example/te", app],
    ["another host", "https://evil.example/team/app", app],
    ["a name below the host's", "https://example/team/app", app],
    ["another port", "https://git.example:3000/team/app", app],
    ["a path in capitals", "https://git.example/Team/app", app],
    ["a star for two segments", "https://git.example/*", app],
    ["a star for nothing", "https://git.example/team/app*", app],
    ["two stars in a segment", "https://git.example/team/*p*", app],
    ["two stars before the end", "https://git.example/**/app", app],
    ["a star for the host", "https://*/team/app", app],
    ["a star in the host", "https://*.example/team/app", app],
    ["what is below, for what is not", "https://git.example/team/app/**", app],
    ["only a host", "git.example", app],
    ["another scheme", "http://git.example/team/app", app],
    ["nothing", "", app],
    ["commas", " , ,", app],
    ["a bare star", "*", app],
  ])("does not take %s for it", (_, list, repo) => {
    expect(listsRepository(list, repo)).toBe(false);
  });

  it.each([
    ["that goes up", "https://git.example/team/../payroll/app"],
    ["that goes up encoded", "https://git.example/team/%2e%2e/payroll"],
    ["with an encoded slash", "https://git.example/team/..%2fpayroll%2fapp"],
    ["with a slash of Windows", "https://git.example/team/x\\..\\..\\payroll"],
    ["with a query", "https://git.example/payroll/app?/team/app"],
    ["with a fragment", "https://git.example/payroll/app#/team/app"],
    ["with a name in it", "https://git.example@evil.example/team/app"],
    ["with an empty segment", "https://git.example/team//app"],
    ["with a tab", "https://git.example/te\tam/app"],
    ["beyond ASCII", "https://git.example/team/b\u00fccher"],
  ])("lists no repository %s by a pattern", (_, repo) => {
    expect(listsRepository("https://git.example/team/* https://git.example/**", repo)).toBe(false);
  });

  it("never throws, and needs no more than the list is long", () => {
    fc.assert(fc.property(fc.string(), fc.string(), (list, repo) => typeof listsRepository(list, repo) === "boolean"));
    const segment = (n: number): (() => unknown) => {
      const [pattern, repo] = [`https://h/${"a".repeat(n)}*${"a".repeat(n)}`, `https://h/${"a".repeat(3 * n)}b`];
      return () => listsRepository(pattern, repo);
    };
    const list = (n: number): (() => unknown) => {
      const patterns = "https://h/a/*,".repeat(n);
      return () => listsRepository(patterns, "https://h/b/c");
    };
    expect(growthOf(100_000, segment)).toBeLessThan(mostGrowth);
    expect(growthOf(1_000, list)).toBeLessThan(mostGrowth);
  });
});

describe("a repository's clone URL", () => {
  it.each([app, "https://git.example/app", "https://git.example:3000/a/b/c.git", "https://[2606:4700::1]/a%2fb/app"])(
    "is %s",
    (url) => {
      expect([isRepository(url), meantRepository(url)]).toEqual([true, url]);
    },
  );

  it.each([
    ["https://git.example/a/../team/app.git", app],
    ["https://git.example/team/%2e%2e/team/app.git", app],
    ["https://git.example/team/app.git?ref=x", app],
    ["https://git.example/team/app.git#readme", app],
    ["https://me:secret@git.example/team/app.git", app],
    ["https://git.example/team/x y", "https://git.example/team/x%20y"],
    ["https://git.example", undefined],
    ["https://git.example//", undefined],
    ["http://git.example/team/app", undefined],
    ["git@git.example:team/app.git", undefined],
    ["", undefined],
  ])("is not %s, which means %s", (url, meant) => {
    expect([isRepository(url), meantRepository(url)]).toEqual([false, meant]);
  });
});
