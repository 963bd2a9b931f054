import { dirname } from "node:path";
import { describe, expect, it, jest } from "@jest/globals";
import { installAgent } from "#test/agents/install.ts";
import { startJudge } from "./judge.ts";
import { programStage } from "./stage.ts";

jest.setTimeout(240_000);

const stage = programStage("test/integration/runtimes/scenarios");

const programs = [
  { kind: "Codex", program: "codex", provider: "OpenAICompatible", operation: "responses" },
  { kind: "OpenCode", program: "opencode", provider: "OpenAICompatible", operation: "chat/completions" },
  { kind: "OpenCode", program: "opencode", provider: "Anthropic", operation: "messages" },
] as const;

describe("a known program as the agent", () => {
  it.each(programs)(
    "$kind mends the bug over $operation, asking for nothing that a Model has to allow",
    async ({ kind, program, provider, operation }) => {
      const path = dirname(await installAgent(program, program));
      await using judge = await startJudge(stage.at.modelPort);
      const end = await stage.start(
        { kind },
        {
          PATH: `${path}:${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
          ENCHANTED_MODEL: `scenario/${program}`,
          ENCHANTED_PROVIDER: provider,
          OPENAI_BASE_URL: judge.url,
          ANTHROPIC_BASE_URL: judge.url,
        },
      ).end;
      expect(stage.at.journal.state().failures).toEqual([]);
      expect([end.code, end.output]).toEqual([0, expect.any(String)]);
      expect(new Set(judge.operations)).toEqual(new Set([operation]));
      expect(judge.refusals).toEqual([]);
      await stage.fetchProposal();
      const files = stage.at.git(stage.at.fetched, "diff", "--name-only", "main", "proposal");
      expect(files).toBe("src/token-bucket.js\n");
      expect(stage.passesAt("proposal")).toBe(true);
      expect(stage.payloads("STATE_CHANGE")).toMatchObject([{ file_modified: "src/token-bucket.js" }]);
    },
  );
});
