import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { readDockerfile } from "./dockerfile.ts";
import { namerOf } from "./names.ts";
import { expandUse } from "./rust-use.ts";
import { createSpecifiers } from "./specifiers.ts";

const dockerfile = (text: string): readonly [readonly string[], boolean] => {
  const out = createSpecifiers();
  readDockerfile(text, out);
  return [out.all(), out.isCut()];
};

describe("values of values of a Dockerfile", () => {
  it("that grow by their power are not known", () => {
    const text = `ARG A=xxxxxxxxxx\n${"ENV A=$A$A$A$A$A$A$A$A\n".repeat(12)}FROM $A\nCOPY a$A /\nFROM b\n`;
    expect(dockerfile(text)).toEqual([["image:b"], false]);
  });

  it("stand for what they stood for no more, where the new value is not known", () => {
    expect(dockerfile("ARG A=a\nENV A=$B\nFROM $A\n")).toEqual([[], false]);
  });

  it("are known of the first 1,000 variables", () => {
    const many = Array.from({ length: 1001 }, (_, at) => `ENV V${at}=v${at}\n`).join("");
    expect(dockerfile(`${many}FROM $V999\nFROM $V1000\n`)).toEqual([["image:v999"], false]);
  });

  it("are as long as their parts, whatever the parts are", () => {
    const name = fc.constantFrom("A", "B", "C");
    const part = fc.oneof(
      fc.integer({ min: 1, max: 90 }).map((length) => ({ text: "/".repeat(length), of: "", length })),
      name.map((of) => ({ text: `$${of}`, of, length: 0 })),
      name.map((of) => ({ text: `\${${of}:-yy}`, of, length: 2 })),
    );
    const value = fc.array(part, { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 40 }), value, (assigned, image) => {
        const known = new Map<string, number>();
        const lengthOf = (parts: typeof image): number | undefined => {
          let length = 0;
          for (const one of parts) length += known.get(one.of) ?? (one.length === 0 ? NaN : one.length);
          return length <= 4096 ? length : undefined;
        };
        const textOf = (parts: typeof image): string => parts.map(({ text }) => text).join("");
        for (const [to, parts] of assigned) {
          const length = lengthOf(parts);
          if (length === undefined) known.delete(to);
          else known.set(to, length);
        }
        const lines = assigned.map(([to, parts]) => `ENV ${to}=${textOf(parts)}\n`);
        const [found, isCut] = dockerfile(`${lines.join("")}FROM ${textOf(image)}\n`);
        const length = lengthOf(image);
        const told = length === undefined ? undefined : "image:".length + length;
        expect(isCut).toBe(told !== undefined && told > 1024);
        expect(found.map((one) => one.length)).toEqual(told === undefined || told > 1024 ? [] : [told]);
      }),
      { numRuns: 500 },
    );
  });
});

type Tree = { name: string; below: readonly Tree[] };

const textOf = ({ name, below }: Tree): string =>
  below.length === 0 ? name : `${name}::{${below.map(textOf).join(", ")}}`;

const pathsOf = ({ name, below }: Tree): string[] =>
  below.length === 0 ? [name] : below.flatMap((one) => pathsOf(one).map((path) => `${name}::${path}`));

describe("a use tree of long names", () => {
  it("is not known where a path is too long, and else is all of them", () => {
    const name = fc.constantFrom("a", "b".repeat(100), "c".repeat(500));
    const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
      tree: fc.record({
        name,
        below: fc.oneof(
          { depthSize: "small", withCrossShrink: true },
          fc.constant([]),
          fc.array(tie("tree"), { minLength: 1, maxLength: 5 }),
        ),
      }),
    }));
    fc.assert(
      fc.property(tree, (one) => {
        const paths = pathsOf(one);
        expect(expandUse(textOf(one))).toEqual(paths.some((path) => path.length > 1024) ? undefined : paths);
      }),
      { numRuns: 500 },
    );
  });

  it("is not known where its paths are too much together", () => {
    const list = (names: number): string => `${"a".repeat(1000)}::{${"b,".repeat(names)}}`;
    expect(expandUse(list(1045))).toHaveLength(1045);
    expect(expandUse(list(1046))).toBeUndefined();
    expect(expandUse(`${"a".repeat(30_000)}::{${"b,".repeat(16_000)}}`)).toBeUndefined();
    expect(expandUse(`${"a::{".repeat(33)}b${"}".repeat(33)}`)).toBeUndefined();
  });

  it.each([
    ["use", { use: `a::{${"b".repeat(1100)}, c}` }],
    ["use", { use: "a, ".repeat(30_000) }],
    ["file", { file: "f" }],
  ])("leaves the source unknown, in modules of long names too: %s", (_, texts) => {
    const out = createSpecifiers();
    const take = namerOf("rust", out);
    take({ texts: { use: "self::a" }, start: 0, end: 1 });
    expect(out.isCut()).toBe(false);
    for (let at = 0; at < 30; at += 1) take({ texts: { module: "m".repeat(20_000) }, start: 1, end: 100 });
    take({ texts, start: 2, end: 3 });
    expect([out.all(), out.isCut()]).toEqual([["self::a"], true]);
  });
});
