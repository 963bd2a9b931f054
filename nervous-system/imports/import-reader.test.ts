import { afterAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { manualClock, systemClock } from "#nervous-system/kernel/clock.ts";
import { createImportReader } from "./import-reader.ts";
import type { SourceKind } from "./source-kind.ts";

const reader = createImportReader(systemClock());
afterAll(() => reader.close());

const kinds: readonly SourceKind[] = ["javascript", "typescript", "tsx", "python", "go", "rust", "java", "dockerfile"];

const table: ReadonlyArray<readonly [SourceKind, string, readonly string[]]> = [
  [
    "javascript",
    `import a from "b";\nimport "c";\nexport * from './d';\nconst x = require("e");\nawait import("f");`,
    ["b", "c", "./d", "e", "f"],
  ],
  [
    "javascript",
    `// import a from "no"\nconst s = 'import x from "no"'; const t = \`\${require("in-template")}\`;\n/* require("no") */ other("no"); require(x); import(\`no\`);`,
    ["in-template"],
  ],
  ["javascript", `import a from "b";\nfunction (((( {{ \n`, ["b"]],
  ["javascript", `const C = () => <div onClick={() => import("./lazy")}>it's "from 'no'"</div>;`, ["./lazy"]],
  ["javascript", String.raw`import a from "b\x20c"; import d from "";`, []],
  [
    "typescript",
    `import type { A } from "./a.ts";\nimport b = require("b");\nexport type { C } from "./c";\ntype D = import("./d").D;\nconst e = <T,>(x: T) => x;\nimport { type F } from '#f/g.ts'`,
    ["./a.ts", "b", "./c", "./d", "#f/g.ts"],
  ],
  ["tsx", `import * as R from "react";\nexport const A = <T,>() => <b>{require("x")}</b>;`, ["react", "x"]],
  [
    "python",
    `import os, a.b as c\nfrom . import d, e as f\nfrom ..g.h import (i,\n  j as k,  # no\n)\nfrom l import *\nfrom . import *\n`,
    ["os", "a.b", ".d", ".e", "..g.h.i", "..g.h.j", "l", "."],
  ],
  [
    "python",
    `"""\nimport no\n"""\ntry:\n    import ujson as json\nexcept ImportError:\n    import json\ndef f():\n    from .late import thing\n`,
    ["ujson", "json", ".late.thing"],
  ],
  ["python", `from __future__ import annotations\nfrom a \\\n  . b import c\n`, ["a.b.c"]],
  [
    "go",
    `package a\n\nimport "fmt"\nimport (\n\tc "example.com/m/d"\n\t_ \`example.com/m/e\`\n\t. "f" // "no"\n)\nvar s = "import \\"no\\""\n`,
    ["fmt", "example.com/m/d", "example.com/m/e", "f"],
  ],
  [
    "rust",
    `use a::{b, c::d};\npub use crate::e as f;\nmod g;\nextern crate h;\n#[path = "other.rs"]\nmod i;\nmod inner { mod j; use super::k; use std::fmt; mod deep { use self::l; } }\nuse self::m;\n// use no::no;\n`,
    [
      "a::b",
      "a::c::d",
      "crate::e",
      "self::g",
      "::h",
      "./other.rs",
      "self::i",
      "self::inner::j",
      "self::inner::super::k",
      "std::fmt",
      "self::inner::deep::l",
      "self::m",
    ],
  ],
  [
    "java",
    `package a.b;\nimport c.d.E;\nimport static f.G.h;\nimport i.j.*;\nimport static k.L.*;\n// import no.No;\nclass X { String s = "import no.No;"; }\n`,
    ["c.d.E", "f.G.h", "i.j.*", "k.L.*"],
  ],
  [
    "dockerfile",
    `# syntax=docker/dockerfile:1\nARG VERSION=24\nARG BASE\nFROM node:\${VERSION} AS build\nCOPY package.json ["a b.txt", "/x/"]\nFROM --platform=linux/amd64 build AS more\nFROM \${BASE}\nCOPY --from=build /out /out\nCOPY --from=busybox:1 /bin/sh /bin/sh\nCOPY --chown=1:1 src/ \\\n  # no\n  lib /app/\nADD https://x.example/y.tgz ["z", "/"]\n`,
    [
      "image:node:24",
      "copy:package.json",
      `copy:["a`,
      'copy:b.txt",',
      "image:busybox:1",
      "copy:src/",
      "copy:lib",
      `copy:["z",`,
    ],
  ],
  [
    "dockerfile",
    'FROM scratch\nRUN <<EOF\nFROM no\nCOPY no /\nEOF\nCOPY <<-\'END\' /x\n\tCOPY no /\n\tEND\ncopy ["a b", "c", "/"]\n',
    ["copy:a b", "copy:c"],
  ],
  ["dockerfile", "# escape=`\nFROM a `\n AS b\nCOPY c\\d /\n", ["image:a", "copy:c\\d"]],
];

describe("what a source imports", () => {
  it.each(table)("%s: %j", async (kind, text, specifiers) => {
    expect(await reader.read(kind, text)).toEqual(specifiers);
  });
});

describe("a hostile source", () => {
  const lengths = [1 << 20, ...Array.from({ length: 20 }, () => 1 << 12)];
  const parts = [
    "(",
    "[{",
    "a ",
    '"',
    "`${",
    "/*",
    "{",
    "<a>",
    "import ",
    "use a::{",
    "\n\t",
    "\\",
    "mod a{",
    "f(",
    "\0",
    "COPY <<E\n",
    "FROM a\n",
  ];

  it.each(kinds)("of %s takes a bounded time, and the next one is read", async (kind) => {
    for (const [at, part] of parts.entries()) {
      const found = await reader.read(kind, part.repeat((lengths[at] ?? 0) / part.length));
      expect(found === undefined || found.length <= 4096).toBe(true);
    }
    expect(await reader.read("python", "import a")).toEqual(["a"]);
  });

  it("that a grammar does not leave is left with its thread", async () => {
    expect(await reader.read("python", `import a\n${"# a\n".repeat(1 << 18)}`)).toBeUndefined();
    expect(await reader.read("python", "import a")).toEqual(["a"]);
  });

  it("that names too much is not known", async () => {
    const many = (count: number): string => Array.from({ length: count }, (_, at) => `FROM a${at}\n`).join("");
    expect(await reader.read("dockerfile", many(4096))).toHaveLength(4096);
    expect(await reader.read("dockerfile", many(4097))).toBeUndefined();
  });

  it("is read whatever it is", async () => {
    const line = fc.constantFrom(...table.flatMap(([, text]) => text.split("\n")));
    const odd = fc.string({ unit: "binary", maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...kinds), fc.array(fc.oneof(line, odd)), async (kind, lines) => {
        for (const name of (await reader.read(kind, lines.join("\n"))) ?? []) expect(name).not.toBe("");
      }),
    );
  });
});

describe("the thread of a reader", () => {
  it("ends when no source came for a while, and begins again with the next one", async () => {
    const clock = manualClock();
    const own = createImportReader(clock);
    expect(await own.read("python", "import a")).toEqual(["a"]);
    expect(clock.pending()).toBe(1);
    await clock.advance(60_000);
    expect(clock.pending()).toBe(0);
    expect(await own.read("python", "import b")).toEqual(["b"]);
    await own.close();
    expect(clock.pending()).toBe(0);
    expect(await own.read("python", "import b")).toBeUndefined();
  });

  it("is given up where it takes too long, and the next source has a new one", async () => {
    const clock = manualClock();
    const own = createImportReader(clock);
    const slow = own.read("python", "import a");
    while (clock.pending() === 0) await new Promise(setImmediate);
    await clock.advance(3000);
    expect(await slow).toBeUndefined();
    expect(await own.read("python", "import b")).toEqual(["b"]);
    await own.close();
  });
});
