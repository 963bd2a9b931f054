import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { stringify } from "yaml";
import { resources } from "#nervous-system/schemas/resources/catalog.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import { startControlPlane, type ControlPlane } from "#platform/cluster/control-plane.ts";

type Answer = { code: number; output: string };

let dir = "";
let cluster: ControlPlane | undefined;

const kubectl = (...args: string[]): Promise<Answer> =>
  new Promise((resolve) => {
    if (!cluster) throw new Error("the control plane is not up");
    execFile(cluster.kubectl, ["--kubeconfig", cluster.kubeconfigPath, ...args], (error, stdout, stderr) =>
      resolve({ code: error ? 1 : 0, output: stdout + stderr }),
    );
  });

let files = 0;
const written = async (object: object): Promise<string> => {
  files += 1;
  const path = join(dir, `object-${files}.yaml`);
  await writeFile(path, stringify(object));
  return path;
};
const apply = async (object: object): Promise<Answer> => kubectl("apply", "-f", await written(object));

const mission = (name: string, change: Record<string, unknown> = {}): object => ({
  apiVersion: "swarm.enchanted.dev/v1alpha1",
  kind: "Mission",
  metadata: { name, namespace: "default" },
  spec: {
    goal: "Make the failing test pass",
    workspace: { repo: "https://git.example.org/team/app.git" },
    strategy: "Solo",
    team: [{ name: "coder", role: "Coder", modelRef: { name: "default" } }],
    ...change,
  },
});

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "crds-"));
  cluster = await startControlPlane({ dir });
  const crds = await readdir("crds");
  for (const file of crds) {
    const applied = await kubectl("apply", "-f", join("crds", file));
    expect(applied).toMatchObject({ code: 0 });
  }
  await kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s");
}, 120_000);

afterAll(async () => {
  await cluster?.stop();
  await rm(dir, { recursive: true, force: true });
});

describe("the API server", () => {
  it("accepts a mission and fills in its defaults", async () => {
    expect(await apply(mission("good"))).toMatchObject({ code: 0 });
    const { output } = await kubectl("get", "mission", "good", "-o", "json");
    expect(JSON.parse(output).spec).toMatchObject({
      workspace: { ref: "main" },
      retry: { maxAttempts: 3 },
      suspend: false,
      successCriteria: [],
    });
  });

  it("accepts a criterion that does something after its comments", async () => {
    const command = "# the tests\n  npm test # all of them\n";
    expect(await apply(mission("commented", { successCriteria: [{ command }] }))).toMatchObject({ code: 0 });
  });

  it("accepts the longest criteria that fit, and a goal of the largest characters", async () => {
    const successCriteria = Array.from({ length: 16 }, () => ({ command: '"'.repeat(4000) }));
    const answer = await apply(mission("long", { successCriteria, goal: "\u{1F600}".repeat(16384) }));
    expect(answer).toMatchObject({ code: 0 });
  });

  it("accepts hosts to reach: names, what is below a suffix, other ports; and none where nothing is said", async () => {
    const allowHosts = [
      "registry.example.org",
      "*.example.org:8443",
      "xn--bcher-kva.example",
      "forge",
      "a.b:1",
      "a.b:65535",
      `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}:65535`,
    ];
    expect(await apply(mission("hosts", { egress: { allowHosts } }))).toMatchObject({ code: 0 });
    const fifty = Array.from({ length: 50 }, (_, n) => `*.host-${n}.${"a".repeat(63)}.${"b".repeat(63)}.example:8443`);
    expect(await apply(mission("many-hosts", { egress: { allowHosts: fifty } }))).toMatchObject({ code: 0 });
    expect(await apply(mission("no-hosts", { egress: {} }))).toMatchObject({ code: 0 });
    const { output } = await kubectl("get", "mission", "no-hosts", "-o", "json");
    expect(JSON.parse(output).spec.egress).toEqual({ allowHosts: [] });
  });

  it.each([
    ["a bare star", "*"],
    ["a star in the middle", "registry.*.org"],
    ["a star that is part of a label", "*registry.example.org"],
    ["capitals", "Registry.example.org"],
    ["an address", "10.0.0.1"],
    ["an address in IPv6", "[::1]:443"],
    ["a number that is an address", "2130706433"],
    ["an address in hexadecimal", "0x7f.1"],
    ["a suffix that addresses end in", "*.0.1"],
    ["a scheme", "https://registry.example.org"],
    ["a path", "registry.example.org/npm"],
    ["a user", "me@registry.example.org"],
    ["a dot at the end", "registry.example.org."],
    ["an empty label", "registry..example.org"],
    ["a label that ends in a hyphen", "registry-.example.org"],
    ["a name beyond ASCII", "b\u00FCcher.example"],
    ["port 0", "registry.example.org:0"],
    ["a port above 65535", "registry.example.org:65536"],
    ["an empty port", "registry.example.org:"],
    ["a second line", "registry.example.org\nevil.test"],
  ])("refuses %s as a host to reach, saying what to write", async (_, host) => {
    const answer = await apply(mission("bad", { egress: { allowHosts: ["good.example", host] } }));
    expect(answer).toEqual({
      code: 1,
      output: expect.stringMatching(/allowHosts\[1\].*write a host name in lower case/s),
    });
  });

  it("refuses more than fifty hosts, and one twice", async () => {
    const hosts = Array.from({ length: 51 }, (_, n) => `host-${n}.example`);
    const many = await apply(mission("bad", { egress: { allowHosts: hosts } }));
    expect(many).toEqual({ code: 1, output: expect.stringMatching(/allowHosts.*at most 50 items/s) });
    const twice = await apply(mission("bad", { egress: { allowHosts: ["a.example", "a.example"] } }));
    expect(twice).toEqual({ code: 1, output: expect.stringMatching(/allowHosts\[1\].*Duplicate value/s) });
  });

  const refusals: ReadonlyArray<[string, object, RegExp]> = [
    [
      "a name that pods could not carry",
      mission(`m${"x".repeat(40)}`),
      /must be a DNS label .* of at most 40 characters/,
    ],
    ["a criterion of blanks", mission("bad", { successCriteria: [{ command: " \n\t" }] }), /command.*should match/s],
    ["a criterion that is only a comment", mission("bad", { successCriteria: [{ command: "# later" }] }), /command/],
    [
      "a criterion of comments and blanks",
      mission("bad", { successCriteria: [{ command: "\n  # npm test\n\n#exit 1\n" }] }),
      /command/,
    ],
    [
      "criteria that no environment variable could hold",
      mission("bad", { successCriteria: Array.from({ length: 11 }, () => ({ command: "\u4e16".repeat(4000) })) }),
      /successCriteria.*more than 64000 bytes together .* scripts in the repository/s,
    ],
    [
      "a criterion with a NUL",
      mission("bad", { successCriteria: [{ command: "a\0b" }] }),
      /command.*control characters/s,
    ],
    [
      "a criterion with an escape, which JSON makes six bytes of",
      mission("bad", { successCriteria: [{ command: "printf '\u001b'" }] }),
      /command.*control characters/s,
    ],
    ["a goal with a NUL", mission("bad", { goal: "a\0b" }), /spec\.goal.*NUL/s],
    [
      "a repository with a NUL",
      mission("bad", { workspace: { repo: "https://git.example.org/a\0b.git" } }),
      /spec\.workspace\.repo.*NUL/s,
    ],
    [
      "a model with a NUL",
      {
        apiVersion: "swarm.enchanted.dev/v1alpha1",
        kind: "Model",
        metadata: { name: "bad", namespace: "default" },
        spec: { provider: "Anthropic", endpoint: "https://models.example.org/v1", model: "a\0b" },
      },
      /spec\.model.*NUL/s,
    ],
    ["an empty goal", mission("bad", { goal: "" }), /spec\.goal.*at least 1 chars/s],
    [
      "credentials in the URL",
      mission("bad", { workspace: { repo: "https://me:pw@git.example.org/a.git" } }),
      /spec\.workspace\.repo/,
    ],
    [
      "a repository over ssh",
      mission("bad", { workspace: { repo: "git@git.example.org:a.git" } }),
      /spec\.workspace\.repo/,
    ],
    ["a strategy that nobody serves", mission("bad", { strategy: "Pipeline" }), /supported values: "Solo"/],
    ["no team", mission("bad", { team: [] }), /spec\.team.*at least 1 items/s],
    ["no attempts", mission("bad", { retry: { maxAttempts: 0 } }), /greater than or equal to 1/],
    [
      "a field that nobody serves",
      mission("bad", { budget: { maxThoughts: 1 } }),
      /unknown field "spec\.budget\.maxThoughts"/,
    ],
  ];
  it.each(refusals)("refuses %s, saying what to do", async (_, object, message) => {
    const answer = await apply(object);
    expect(answer).toEqual({ code: 1, output: expect.stringMatching(message) });
  });

  it.each([
    [{ budget: {} }, /a budget names maxFrames, maxTokens or maxCostUSD/],
    [{ budget: { onExceeded: "Pause" } }, /a budget names/],
    [{ budget: { maxTokens: 0 } }, /greater than or equal to 1/],
    [{ budget: { maxCostUSD: "1e3" } }, /maxCostUSD/],
    [{ budget: { maxCostUSD: 5 } }, /maxCostUSD/],
    [{ deadline: "30s" }, /a deadline is a minute at least/],
    [{ deadline: "2d" }, /of h, m and s, such as 90m or 2h30m; two days are 48h/],
    [{ deadline: "99999999999999999999h" }, /deadline/],
  ])("refuses %j", async (limits, message) => {
    expect(await apply(mission("bad", limits))).toEqual({ code: 1, output: expect.stringMatching(message) });
  });

  it("takes limits, which may be changed and taken away again", async () => {
    const limits = { budget: { maxCostUSD: "0.5", maxTokens: 5, onExceeded: "Pause" }, deadline: "1h30m" };
    expect((await apply(mission("limited", limits))).code).toBe(0);
    expect((await apply(mission("limited", { ...limits, deadline: "3h" }))).code).toBe(0);
    expect((await apply(mission("limited"))).code).toBe(0);
  });

  it("keeps goal and repository as they were", async () => {
    await apply(mission("fixed"));
    expect((await apply(mission("fixed", { goal: "Something else" }))).output).toMatch(/goal is immutable/);
    const moved = mission("fixed", { workspace: { repo: "https://git.example.org/other.git" } });
    expect((await apply(moved)).output).toMatch(/workspace\.repo is immutable/);
  });

  it("keeps team and workspace of a mission that has started, and lets them be mended before", async () => {
    const otherRef = { workspace: { repo: "https://git.example.org/repo.git", ref: "other" } };
    const otherTeam = { team: [{ name: "coder2", role: "Coder", modelRef: { name: "other" } }] };
    expect((await apply(mission("started"))).code).toBe(0);
    const started = JSON.stringify({ status: { startTime: "2026-01-01T00:00:00Z" } });
    await kubectl("patch", "mission", "started", "--subresource=status", "--type=merge", "-p", started);
    for (const change of [otherRef, otherTeam])
      expect((await apply(mission("started", change))).output).toMatch(/has started are immutable/);
    expect((await apply(mission("started", { suspend: true }))).code).toBe(0);
    await apply(mission("waiting"));
    expect((await apply(mission("waiting", otherTeam))).code).toBe(0);
  });

  it("keeps the Secret as it was, set, unset or exchanged, from the first moment on", async () => {
    const repo = "https://git.example.org/team/app.git";
    const named = (name: string) => ({ workspace: { repo, secretRef: { name } } });
    await apply(mission("secret", named("forge")));
    for (const change of [named("payroll"), { workspace: { repo } }]) {
      const answer = await kubectl("replace", "-f", await written(mission("secret", change)));
      expect(answer).toEqual({ code: 1, output: expect.stringMatching(/workspace\.secretRef is immutable/) });
    }
    await apply(mission("open"));
    expect((await apply(mission("open", named("payroll")))).output).toMatch(/workspace\.secretRef is immutable/);
  });

  it("keeps the way of publishing as it was, set, unset or exchanged, and takes no other than the two", async () => {
    const repo = "https://git.example.org/team/app.git";
    const by = (via?: string) => ({ workspace: { repo, ...(via === undefined ? {} : { publish: { via } }) } });
    expect((await apply(mission("way", by("Fork")))).code).toBe(0);
    for (const change of [by("Branch"), by()]) {
      const answer = await kubectl("replace", "-f", await written(mission("way", change)));
      expect(answer).toEqual({ code: 1, output: expect.stringMatching(/workspace\.publish is immutable/) });
    }
    expect((await apply(mission("mail", by("Mail")))).output).toMatch(/Unsupported value: "Mail"/);
  });

  it("keeps what may be published as it was, and completes what a person leaves out", async () => {
    const repo = "https://git.example.org/team/app.git";
    const with_ = (policy?: object) => ({ workspace: { repo, ...(policy === undefined ? {} : { policy }) } });
    expect((await apply(mission("policy", with_({ deniedPaths: ["test", "**/*.lock"] })))).code).toBe(0);
    const { output } = await kubectl("get", "mission", "policy", "-o", "json");
    expect(JSON.parse(output).spec.workspace.policy).toEqual({
      allowedPaths: [],
      deniedPaths: ["test", "**/*.lock"],
      maxChangedFiles: 200,
      rejectSecrets: true,
    });
    for (const change of [with_({ deniedPaths: ["test"] }), with_()]) {
      const answer = await kubectl("replace", "-f", await written(mission("policy", change)));
      expect(answer).toEqual({ code: 1, output: expect.stringMatching(/workspace\.policy is immutable/) });
    }
    await apply(mission("free", with_()));
    expect((await apply(mission("free", with_({ maxChangedFiles: 1 })))).output).toMatch(/policy is immutable/);
  });

  it.each([
    ["/src", /neither begins nor ends with \//],
    ["src/", /neither begins nor ends with \//],
    ["src//a", /should match/],
    ["./src", /begins at the top/],
    ["src/../a", /begins at the top/],
    ["src\\a", /should match/],
    ["!test", /name what may not change in deniedPaths/],
    [" test", /white space/],
    ["test\n", /white space/],
    ["**.js", /write \*\*\/\*\.js/],
    ["src/a**", /is a whole part/],
  ])("refuses %s as a path of a policy", async (path, message) => {
    const workspace = { repo: "https://git.example.org/team/app.git", policy: { allowedPaths: [path] } };
    expect(await apply(mission("bad", { workspace }))).toEqual({ code: 1, output: expect.stringMatching(message) });
  });

  it("keeps the criteria that a verifier is running, and lets them be mended before", async () => {
    const criteria = (command: string) => ({ successCriteria: [{ command }] });
    await apply(mission("verified", criteria("npm test")));
    expect((await apply(mission("verified", criteria("npm run test")))).code).toBe(0);
    const verification = { attempt: 1, podName: "verified-verify-1", commit: "a".repeat(40) };
    const patch = JSON.stringify({ status: { verification } });
    await kubectl("patch", "mission", "verified", "--subresource=status", "--type=merge", "-p", patch);
    expect((await apply(mission("verified", criteria("true")))).output).toMatch(/success criteria are being run/);
    expect((await apply(mission("verified", { ...criteria("npm run test"), suspend: true }))).code).toBe(0);
  });

  it("keeps what an Agent's attempts are made of, and lets it be suspended and its hosts follow", async () => {
    const spec = {
      missionRef: { name: "good" },
      role: "Coder",
      task: { id: "coder", title: "Fix", text: "Fix it." },
      modelRef: { name: "default" },
      image: `registry.example.org/cortex@sha256:${"a".repeat(64)}`,
    };
    const agent = (change: object): object => ({
      apiVersion: "swarm.enchanted.dev/v1alpha1",
      kind: "Agent",
      metadata: { name: "kept", namespace: "default" },
      spec: { ...spec, ...change },
    });
    expect((await apply(agent({}))).code).toBe(0);
    const changes: Record<string, object> = {
      image: { image: `evil.example.org/cortex@sha256:${"b".repeat(64)}` },
      modelRef: { modelRef: { name: "other" } },
      task: { task: { ...spec.task, text: "Something else." } },
      recording: { recording: { redact: [{ name: "a", pattern: "b" }] } },
      runtime: { runtime: { kind: "Custom", command: ["sh"] } },
      missionRef: { missionRef: { name: "other" } },
    };
    for (const [field, change] of Object.entries(changes))
      expect((await apply(agent(change))).output).toContain(`${field} is immutable`);
    expect((await apply(agent({ suspend: true, egress: { allowHosts: ["a.example"] } }))).code).toBe(0);
  });

  it("freezes a finished mission", async () => {
    await apply(mission("done"));
    const condition = {
      type: "Complete",
      status: "True",
      reason: "CriteriaMet",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    const patch = JSON.stringify({ status: { conditions: [condition] } });
    const patched = await kubectl("patch", "mission", "done", "--subresource=status", "--type=merge", "-p", patch);
    expect(patched.code).toBe(0);
    expect((await apply(mission("done", { suspend: true }))).output).toMatch(/a finished mission is frozen/);
  });

  it("explains every field", async () => {
    const { output } = await kubectl("explain", "mission.spec.workspace");
    expect(output).toMatch(/Clone URL of the Git repository/);
  });

  const teamOf = (more: object): Record<string, unknown> => ({
    team: [{ name: "coder", role: "Coder", modelRef: { name: "default" }, ...more }],
  });

  it("accepts a program as the agent, and leaves a member that names none without", async () => {
    const words = { command: ["sh", "-c", "x".repeat(4000)], args: Array.from({ length: 32 }, () => "{task}") };
    const env = Array.from({ length: 32 }, (_, n) => ({ name: `NAME_${n}`, value: n === 0 ? "" : "é".repeat(150) }));
    const image = `example.org/team/tools@sha256:${"a".repeat(64)}`;
    const runtime = { kind: "Custom", ...words, env };
    expect(await apply(mission("program", teamOf({ runtime, image })))).toMatchObject({ code: 0 });
    const specOf = async (name: string) =>
      JSON.parse((await kubectl("get", "mission", name, "-o", "json")).output).spec;
    expect((await specOf("program")).team[0].runtime).toEqual(runtime);
    expect((await specOf("good")).team[0]).not.toHaveProperty("runtime");
  });

  it.each<[string, object, RegExp]>([
    ["Custom without a command", { runtime: { kind: "Custom" } }, /Custom needs a command/],
    ["an empty command", { runtime: { kind: "Custom", command: [] } }, /at least 1 items/],
    ["a command for the cortex, which is the default", { runtime: { command: ["sh"] } }, /only Custom has one/],
    ["arguments for the cortex", { runtime: { args: ["-v"] } }, /the cortex takes neither/],
    ["another kind", { runtime: { kind: "Nobody" } }, /Unsupported value/],
    [
      "a program that the chart's image lacks, without one of its own",
      { runtime: { kind: "Codex" } },
      /name the image/,
    ],
    [
      "our own variables",
      { runtime: { kind: "Custom", command: ["a"], env: [{ name: "ENCHANTED_SOCKET", value: "" }] } },
      /are ours/,
    ],
    ["a NUL", { runtime: { kind: "Custom", command: ["a\u0000"] } }, /NUL/],
    [
      "more than fits into a variable",
      { runtime: { kind: "Custom", command: Array.from({ length: 5 }, () => "x".repeat(4000)) } },
      /at most 16000 bytes/,
    ],
    ["an image by a tag", { image: "example.org/team/tools:1" }, /should match/],
  ])("refuses %s", async (_, member, message) => {
    const answer = await apply(mission("bad-program", teamOf(member)));
    expect(answer).toEqual({ code: 1, output: expect.stringMatching(message) });
  });

  it("selects agents by their mission", async () => {
    const { code } = await kubectl("get", "agents", "--field-selector", "spec.missionRef.name=good");
    expect(code).toBe(0);
  });
});

type Described = {
  description?: string;
  properties?: Record<string, Described>;
  items?: Described;
  additionalProperties?: Described;
  "x-kubernetes-group-version-kind"?: Array<{ kind: string }>;
};

/** Every field of a schema with what is said of it; what Kubernetes itself says of metadata stands elsewhere. */
const fieldsOf = (schema: Described, path: string): Array<[path: string, description: string]> => [
  ...Object.entries(schema.properties ?? {})
    .filter(([name]) => path !== "" || name !== "metadata")
    .flatMap(([name, child]): Array<[string, string]> => [
      [`${path}.${name}`, child.description ?? ""],
      ...fieldsOf(child, `${path}.${name}`),
    ]),
  ...[schema.items, schema.additionalProperties].flatMap((child) => (child === undefined ? [] : fieldsOf(child, path))),
];

describe("kubectl explain", () => {
  it.each(resources.map(({ kind, plural }) => [kind, plural] as const))(
    "tells of every field of %s",
    async (kind, plural) => {
      const { output } = await kubectl("get", "--raw", `/openapi/v3/apis/${groupVersion}`);
      const { components } = JSON.parse(output) as { components: { schemas: Record<string, Described> } };
      const schema = Object.values(components.schemas).find(
        ({ "x-kubernetes-group-version-kind": kinds }) => kinds?.length === 1 && kinds[0]?.kind === kind,
      );
      const fields = fieldsOf(schema ?? {}, "");
      expect(fields.length).toBeGreaterThan(10);
      expect(fields.filter(([, description]) => description.trim() === "")).toEqual([]);
      const explained = await kubectl("explain", `${plural}.spec`, "--recursive");
      expect(explained.code).toBe(0);
      const leaves = fields.flatMap(([path]) => (path.startsWith(".spec.") ? [path.split(".").at(-1)!] : []));
      for (const leaf of leaves) expect(explained.output).toMatch(new RegExp(`^\\s*${leaf}\t<`, "m"));
    },
  );
});
