import { copyFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it, jest } from "@jest/globals";
import { installAgent, type Package } from "#test/agents/install.ts";
import { startJudge } from "./judge.ts";
import { programStage } from "./stage.ts";

jest.setTimeout(240_000);

const stage = programStage();

type Known = {
  readonly kind: string;
  readonly scenario: string;
  readonly provider: "OpenAICompatible" | "Anthropic";
  readonly operation: string;
  /** Directory of its command. */
  readonly install: () => Promise<string>;
};

const commands = { codex: "codex", opencode: "opencode", "mini-swe-agent": "mini" } as const;

const installed = (program: keyof typeof commands): Pick<Known, "scenario" | "install"> => ({
  scenario: program,
  install: async () => dirname(await installAgent(program, commands[program])),
});

/** Claude Code itself may not be handed out. */
const claudeClient = async (): Promise<string> => {
  const directory = join(stage.at.directory, "bin");
  await mkdir(directory);
  await copyFile("test/integration/runtimes/claude-client.mjs", join(directory, "claude"));
  return directory;
};

const programs: readonly Known[] = [
  { kind: "Codex", provider: "OpenAICompatible", operation: "responses", ...installed("codex") },
  { kind: "OpenCode", provider: "OpenAICompatible", operation: "chat/completions", ...installed("opencode") },
  { kind: "OpenCode", provider: "Anthropic", operation: "messages", ...installed("opencode") },
  {
    kind: "MiniSweAgent",
    provider: "OpenAICompatible",
    operation: "chat/completions",
    ...installed("mini-swe-agent"),
  },
  { kind: "ClaudeCode", provider: "Anthropic", operation: "messages", scenario: "claude-code", install: claudeClient },
];

describe("a known program as the agent", () => {
  // Into the cache, for the first time: some hundred MiB.
  beforeAll(async () => {
    for (const [program, command] of Object.entries(commands)) await installAgent(program as Package, command);
  }, 1_200_000);

  it.each(programs)(
    "$kind mends the bug over $operation, asking for nothing that a Model has to allow",
    async ({ kind, scenario, provider, operation, install }) => {
      const path = await install();
      await using judge = await startJudge(stage.at.modelPort);
      const end = await stage.start(
        { kind },
        {
          PATH: `${path}:${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
          ENCHANTED_MODEL: `scenario/${scenario}`,
          ENCHANTED_PROVIDER: provider,
          OPENAI_BASE_URL: judge.url,
          ANTHROPIC_BASE_URL: judge.url,
        },
      ).end;
      expect(stage.at.journal.state().failures).toEqual([]);
      expect([end.code, end.output]).toEqual([0, expect.any(String)]);
      expect(new Set(judge.operations)).toEqual(new Set([operation]));
      expect(judge.refusals).toEqual([]);
      const lastMessage = kind === "Codex" ? "The started interval is kept now." : "Made by";
      expect(stage.payloads("PROPOSAL")).toMatchObject([{ body: expect.stringContaining(lastMessage) }]);
      await stage.fetchProposal();
      const files = stage.at.git(stage.at.fetched, "diff", "--name-only", "main", "proposal");
      expect(files).toBe("src/token-bucket.js\n");
      expect(stage.passesAt("proposal")).toBe(true);
      expect(stage.payloads("STATE_CHANGE")).toMatchObject([{ file_modified: "src/token-bucket.js" }]);
    },
  );
});
