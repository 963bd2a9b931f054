import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { sourceKindOf } from "../source-kind.ts";
import { createFileIndex } from "./file-index.ts";
import { manifestsFor, resolveImports } from "./resolve-imports.ts";

type Files = Readonly<Record<string, string>>;

const endOf = <T>(steps: Iterator<undefined, T>): T => {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
};

const resolve = (files: Files, path: string, specifiers: readonly string[]): readonly string[] | undefined => {
  const index = createFileIndex([path, ...Object.keys(files)]);
  const kind = sourceKindOf(path)!;
  const manifests = new Map(manifestsFor(kind, path, index).map((one) => [one, files[one] ?? ""]));
  return endOf(resolveImports(specifiers, { kind, path }, { files: index, manifests }));
};

const tree = (...paths: string[]): Files => Object.fromEntries(paths.map((path) => [path, ""]));

type Row = readonly [name: string, files: Files, path: string, specifier: string, expected: readonly string[]];

const web: Files = {
  ...tree(
    "src/a.ts",
    "src/b.tsx",
    "src/c/index.ts",
    "src/d.js",
    "src/e.d.ts",
    "src/f.json",
    "lib/g.mts",
    "index.ts",
    "src/b.ts.snap",
  ),
  "package.json": `{"name":"me","imports":{"#lib/*":"./lib/*","#one":{"types":"./none.ts","default":"./src/a.ts"},"#x":null}}`,
  "tsconfig.json": `{ // comment\n "compilerOptions": { "paths": { "@/*": ["./src/*"], "exact": ["src/d.js"] }, /* more */ }, }`,
};

const python = tree(
  "pkg/__init__.py",
  "pkg/a.py",
  "pkg/sub/__init__.py",
  "pkg/sub/b.py",
  "src/other/c.py",
  "script/tool.py",
  "script/util.py",
  "stubs.pyi",
  "space/in/d.py",
);

const go: Files = {
  ...tree("pkg/a/a.go", "pkg/a/b.go", "pkg/a/a_test.go", "pkg/a/x.txt", "main.go", "tool/z/z.go"),
  "go.mod": `module example.com/m\n\ngo 1.24\n\nrequire github.com/one/two/v3 v3.1.0\nrequire (\n\tk8s.io/api v0.1.0 // indirect\n\tgopkg.in/yaml.v3 v3.0.1\n)\n`,
  "tool/go.mod": `module "example.com/tool"`,
};

const rust: Files = {
  ...tree(
    "app/src/lib.rs",
    "app/src/a.rs",
    "app/src/a/b.rs",
    "app/src/c/mod.rs",
    "app/src/c/d.rs",
    "app/src/bin/x.rs",
    "app/tests/t.rs",
    "app/tests/common/mod.rs",
    "other/src/lib.rs",
    "other/src/m.rs",
    "app/src/placed.rs",
  ),
  "app/Cargo.toml": `[package]\nname = "my-app"\nedition = "2021"\n[dependencies]\nother = { version = "1", path = "../other" }\nserde-json = "1"\n[dependencies.tokio-util]\nversion = "1"\n`,
  "other/Cargo.toml": `[package]\nname = "other"\n`,
};

const java = tree(
  "core/src/main/java/a/b/C.java",
  "core/src/main/java/a/b/D.java",
  "core/src/test/java/a/b/E.java",
  "web/src/main/java/a/b/C.java",
  "web/src/main/java/w/W.java",
);

const docker = tree("svc/src/x.ts", "svc/package.json", "svc/package-lock.json", "root.txt", "lib/y.ts");

const rows: readonly Row[] = [
  ["a file with its ending", web, "src/x.ts", "./a.ts", ["src/a.ts"]],
  ["one without", web, "src/x.ts", "./b", ["src/b.tsx"]],
  ["what is compiled of a source", web, "src/x.ts", "./a.js", ["src/a.ts"]],
  ["a file of the ending that is named", web, "src/x.ts", "./d.js", ["src/d.js"]],
  ["a declaration", web, "src/x.ts", "./e", ["src/e.d.ts"]],
  ["a directory's index", web, "src/x.ts", "./c", ["src/c/index.ts"]],
  ["the directory above", web, "src/c/x.ts", "../d", ["src/d.js"]],
  ["the index above", web, "src/x.ts", "..", ["index.ts"]],
  ["JSON", web, "src/x.ts", "./f.json", ["src/f.json"]],
  ["a module's source", web, "src/x.ts", "../lib/g.mjs", ["lib/g.mts"]],
  ["what is not there", web, "src/x.ts", "./none", []],
  ["what is outside of the tree", web, "src/x.ts", "../../../etc/passwd", []],
  ["an import map", web, "src/x.ts", "#lib/g.mts", ["lib/g.mts"]],
  ["an import map's condition", web, "src/x.ts", "#one", ["src/a.ts"]],
  ["an import map's nothing", web, "src/x.ts", "#x", []],
  ["paths of TypeScript", web, "src/x.ts", "@/c", ["src/c/index.ts"]],
  ["an exact path of TypeScript", web, "src/x.ts", "exact", ["src/d.js"]],
  ["a package", web, "src/x.ts", "lodash/fp", ["pkg:npm/lodash"]],
  ["a package with a scope", web, "src/x.ts", "@babel/core/lib", ["pkg:npm/%40babel/core"]],
  ["Node's own", web, "src/x.ts", "node:fs", []],
  ["Node's own without a scheme", web, "src/x.ts", "fs/promises", []],
  ["an address", web, "src/x.ts", "https://x.example/y.js", []],
  ["a map that is no JSON", { "package.json": "{", "tsconfig.json": "[" }, "x.ts", "a", ["pkg:npm/a"]],

  ["a module beside", python, "pkg/x.py", ".a", ["pkg/a.py"]],
  ["what is in a module beside", python, "pkg/x.py", ".a.thing", ["pkg/a.py"]],
  ["what is in the package", python, "pkg/x.py", ".thing", ["pkg/__init__.py"]],
  ["the package above", python, "pkg/sub/x.py", "..a", ["pkg/a.py"]],
  ["above the tree", python, "x.py", "..a", []],
  ["an absolute name", python, "pkg/sub/x.py", "pkg.sub.b.f", ["pkg/sub/b.py"]],
  ["a package", python, "pkg/x.py", "pkg.sub", ["pkg/sub/__init__.py"]],
  ["a package in src", python, "pkg/x.py", "other.c", ["src/other/c.py"]],
  ["a module beside a script", python, "script/tool.py", "util", ["script/util.py"]],
  ["a module beside, in a package", python, "pkg/x.py", "a", ["pkg:pypi/a"]],
  ["a stub", python, "pkg/x.py", "stubs", ["stubs.pyi"]],
  ["a package without a file", python, "pkg/x.py", "space.none", []],
  ["a module of one", python, "pkg/x.py", "space.in.d", ["space/in/d.py"]],
  ["Python's own", python, "pkg/x.py", "os.path", []],
  ["a library", python, "pkg/x.py", "requests.adapters", ["pkg:pypi/requests"]],
  ["a library of another name", python, "pkg/x.py", "yaml", ["pkg:pypi/pyyaml"]],
  ["a library as PyPI writes it", python, "pkg/x.py", "Flask_Login", ["pkg:pypi/flask-login"]],

  ["a package of the module", go, "main.go", "example.com/m/pkg/a", ["pkg/a/a.go", "pkg/a/b.go"]],
  ["the module itself", go, "pkg/a/a.go", "example.com/m", ["main.go"]],
  ["a package that is not there", go, "main.go", "example.com/m/none", []],
  ["a package of an inner module", go, "tool/x.go", "example.com/tool/z", ["tool/z/z.go"]],
  ["a required module", go, "main.go", "github.com/one/two/v3/x/y", ["pkg:golang/github.com/one/two/v3"]],
  ["one in brackets", go, "main.go", "k8s.io/api/core/v1", ["pkg:golang/k8s.io/api"]],
  ["one that is not required", go, "main.go", "github.com/a/B/c/d", ["pkg:golang/github.com/a/b"]],
  ["Go's own", go, "main.go", "net/http", []],
  ["C", go, "main.go", "C", []],

  ["a module of the crate", rust, "app/src/lib.rs", "crate::a::b::F", ["app/src/a/b.rs"]],
  ["something in the crate's root", rust, "app/src/a.rs", "crate::F", ["app/src/lib.rs"]],
  ["a module that the root declares", rust, "app/src/lib.rs", "self::c", ["app/src/c/mod.rs"]],
  ["a module that a module declares", rust, "app/src/a.rs", "self::b", ["app/src/a/b.rs"]],
  ["a module in a mod.rs", rust, "app/src/c/mod.rs", "self::d", ["app/src/c/d.rs"]],
  ["the module above", rust, "app/src/a/b.rs", "super::G", ["app/src/a.rs"]],
  ["above that", rust, "app/src/a/b.rs", "super::super::c::d", ["app/src/c/d.rs"]],
  ["above the crate", rust, "app/src/lib.rs", "super::a", []],
  ["something in itself", rust, "app/src/a.rs", "self::F", []],
  ["an inner module's", rust, "app/src/a.rs", "self::inner::super::b", ["app/src/a/b.rs"]],
  ["a sibling by its name", rust, "app/src/lib.rs", "a::b", ["app/src/a/b.rs"]],
  ["the own crate of a program", rust, "app/src/bin/x.rs", "my_app::a::X", ["app/src/a.rs"]],
  ["the own crate of a test", rust, "app/tests/t.rs", "my_app::X", ["app/src/lib.rs"]],
  ["a module of a test", rust, "app/tests/t.rs", "self::common", ["app/tests/common/mod.rs"]],
  ["a crate by its path", rust, "app/src/a.rs", "other::m::X", ["other/src/m.rs"]],
  ["a crate", rust, "app/src/a.rs", "serde::Serialize", ["pkg:cargo/serde"]],
  ["a crate with a dash", rust, "app/src/a.rs", "serde_json::Value", ["pkg:cargo/serde-json"]],
  ["a crate of a table", rust, "app/src/a.rs", "tokio_util::x", ["pkg:cargo/tokio-util"]],
  ["a crate among all", rust, "app/src/lib.rs", "::a::x", ["pkg:cargo/a"]],
  ["a sibling of 2015", rust, "other/src/x/y.rs", "m::X", ["other/src/m.rs"]],
  ["a type in scope", rust, "app/src/a.rs", "Direction", []],
  ["Rust's own", rust, "app/src/a.rs", "std::fmt", []],
  ["a file that is named", rust, "app/src/lib.rs", "./placed.rs", ["app/src/placed.rs"]],

  ["the nearest class", java, "web/src/main/java/w/X.java", "a.b.C", ["web/src/main/java/a/b/C.java"]],
  ["a class of another module", java, "web/src/main/java/w/X.java", "a.b.D", ["core/src/main/java/a/b/D.java"]],
  [
    "what is in a class",
    java,
    "core/src/main/java/x/X.java",
    "a.b.D.Inner.CONSTANT",
    ["core/src/main/java/a/b/D.java"],
  ],
  ["all of a class", java, "core/src/main/java/x/X.java", "a.b.D.*", ["core/src/main/java/a/b/D.java"]],
  [
    "all of a package",
    java,
    "core/src/main/java/x/X.java",
    "a.b.*",
    [
      "core/src/main/java/a/b/C.java",
      "core/src/main/java/a/b/D.java",
      "core/src/test/java/a/b/E.java",
      "web/src/main/java/a/b/C.java",
    ],
  ],
  ["a library", java, "core/src/main/java/x/X.java", "org.junit.jupiter.api.Test", ["pkg:maven/org.junit.jupiter.api"]],
  ["all of a library", java, "core/src/main/java/x/X.java", "com.google.common.*", ["pkg:maven/com.google.common"]],
  ["the JDK's", java, "core/src/main/java/x/X.java", "java.util.List", []],
  ["the JDK's of another name", java, "core/src/main/java/x/X.java", "javax.crypto.Cipher", []],
  [
    "what is not the JDK's any more",
    java,
    "core/src/main/java/x/X.java",
    "javax.inject.Inject",
    ["pkg:maven/javax.inject"],
  ],

  ["a file beside the Dockerfile", docker, "svc/Dockerfile", "copy:package.json", ["svc/package.json"]],
  ["a file of the top", docker, "svc/Dockerfile", "copy:root.txt", ["root.txt"]],
  ["a directory", docker, "svc/Dockerfile", "copy:/src", ["svc/src/"]],
  ["the whole context", docker, "Dockerfile", "copy:.", ["./"]],
  ["files of a pattern", docker, "svc/Dockerfile", "copy:package*.json", ["svc/package-lock.json", "svc/package.json"]],
  ["files of a pattern in a directory", docker, "x.dockerfile", "copy:svc/*-*.json", ["svc/package-lock.json"]],
  ["a pattern of directories", docker, "Dockerfile", "copy:svc/*/x.ts", ["svc/"]],
  ["a pattern that may mean all", docker, "Dockerfile", "copy:*/x.ts", ["./"]],
  ["above the context", docker, "svc/Dockerfile", "copy:../root.txt", []],
  ["an image", docker, "Dockerfile", "image:node:24-slim", ["pkg:docker/node"]],
  ["an official image", docker, "Dockerfile", "image:docker.io/library/node", ["pkg:docker/node"]],
  ["an image of somebody's", docker, "Dockerfile", "image:grafana/grafana@sha256:aa", ["pkg:docker/grafana/grafana"]],
  [
    "an image of a registry",
    docker,
    "Dockerfile",
    "image:ghcr.example:5000/a/b:1",
    ["pkg:docker/a/b?repository_url=ghcr.example%3A5000"],
  ],
];

describe("what an import means", () => {
  it.each(rows)("%s", (_, files, path, specifier, expected) => {
    expect(resolve(files, path, [specifier])).toEqual(expected);
  });

  it("is told once and in order, without the file itself", () => {
    expect(resolve(tree("b.ts", "a.ts"), "c.ts", ["./b", "z", "./a", "./b.ts", "./c"])).toEqual([
      "a.ts",
      "b.ts",
      "pkg:npm/z",
    ]);
  });

  it("is not known where it is more than a frame holds", () => {
    const many = (count: number, name: string): string[] => Array.from({ length: count }, (__, at) => `${name}${at}`);
    expect(resolve({}, "x.ts", many(500, "a"))).toHaveLength(500);
    expect(resolve({}, "x.ts", many(501, "a"))).toBeUndefined();
    expect(resolve({}, "x.ts", many(200, "a".repeat(200)))).toBeUndefined();
  });
});

describe("whatever is imported", () => {
  const paths = [
    "a.ts",
    "b/c.py",
    "b/__init__.py",
    "go.mod",
    "d/e.rs",
    "Cargo.toml",
    "f/G.java",
    "Dockerfile",
    "package.json",
  ];
  const part = fc.constantFrom(
    "a",
    "b",
    "c",
    ".",
    "..",
    "/",
    "::",
    "*",
    "self",
    "super",
    "crate",
    "G",
    "copy:",
    "image:",
    "@",
    "#",
    "\n",
    "é",
    "%",
    "[",
  );
  const specifier = fc.oneof(
    fc.string(),
    fc.array(part, { maxLength: 12 }).map((parts) => parts.join("")),
  );
  const manifest = fc.oneof(
    fc.json(),
    fc.string(),
    fc.constantFrom('{"imports":{"#*":["*",{"a":"./*"}]}}', "module a", '[package]\nname = "a"'),
  );

  it("is resolved to files that are there or to package URLs", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("x.ts", "b/x.py", "x.go", "d/x.rs", "f/X.java", "b/Dockerfile"),
        fc.array(specifier),
        manifest,
        (path, specifiers, text) => {
          const files = Object.fromEntries(paths.map((one) => [one, text]));
          const known = new Set([...paths, "./", "b/", "d/", "f/"]);
          for (const found of resolve(files, path, specifiers) ?? [])
            expect(known.has(found) || /^pkg:[a-z]+\/[^\s]+$/.test(found)).toBe(true);
        },
      ),
    );
  });

  it.each(["x.ts", "x.py", "x.go", "x.rs", "X.java", "Dockerfile"])(
    "is resolved in time that grows with its length: %s",
    (path) => {
      const separator = path.endsWith(".rs") ? "::" : path.endsWith(".ts") || path.endsWith(".go") ? "/" : ".";
      const make = (n: number) => {
        const specifiers = Array.from({ length: n }, (_, at) => `a${separator}b${separator}c${at % 7}`);
        return () => resolve(tree("a/b/d.ts"), path, specifiers);
      };
      expect(growthOf(200, make)).toBeLessThan(mostGrowth);
    },
  );
});

describe("a tree or a manifest that is large", () => {
  const lines = (n: number, line: (at: number) => string): string =>
    Array.from({ length: n }, (_, at) => line(at)).join("");
  const entries = (n: number): string => `{${lines(n, (at) => `"#a${at}/*":"./x${at}/*",`)}"#b":"./b"}`;

  it.each<[string, string, (n: number) => Files, (at: number) => string]>([
    [
      "go.mod",
      "x.go",
      (n) => ({ "go.mod": lines(n, (at) => `require x.io/m${at} v1.0.0\n`) }),
      (at) => `x.io/m0/p${at}`,
    ],
    ["an empty go.mod", "x.go", (n) => ({ "go.mod": "\n".repeat(n) }), (at) => `github.com/a/b/p${at}`],
    ["package.json", "x.ts", (n) => ({ "package.json": `{"imports":${entries(n)}}` }), (at) => `#none${at}`],
    [
      "tsconfig.json",
      "x.ts",
      (n) => ({ "tsconfig.json": `{"compilerOptions":{"paths":${entries(n)}}}` }),
      (at) => `a/${at}`,
    ],
    [
      "Cargo.toml",
      "x.rs",
      (n) => ({ "Cargo.toml": lines(n, (at) => `c-${at} = { path = "c${at}" }\n`) }),
      (at) => `a_b::f${at}`,
    ],
    [
      "Java's classes",
      "X.java",
      (n) => tree(...Array.from({ length: n }, (_, at) => `m${at}/a/b/C.java`)),
      (at) => `a.b.C.f${at}`,
    ],
    [
      "Java's packages",
      "X.java",
      (n) => tree(...Array.from({ length: n }, (_, at) => `m${at}/a/b/C.java`)),
      (at) => `a.b.D${at}`,
    ],
  ])("is looked at once, not for each of a source's names: %s", (_, path, filesOf, name) => {
    const make = (n: number) => {
      const [files, names] = [filesOf(n), Array.from({ length: n }, (__, at) => name(at))];
      return () => resolve(files, path, names);
    };
    expect(growthOf(500, make)).toBeLessThan(mostGrowth);
  });

  it("is left where it does not end, as a text of JSON", () => {
    const make = (n: number) => {
      const files = { "package.json": `{"imports":${'\\"'.repeat(n)}` };
      return () => resolve(files, "x.ts", ["#a"]);
    };
    expect(growthOf(2000, make)).toBeLessThan(mostGrowth);
  });
});
