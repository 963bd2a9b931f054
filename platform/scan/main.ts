// Scans the chart's default rendering with checkov: every finding is mended, or excepted with a reason in exceptions.yaml.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parse, stringify } from "yaml";
import { repositoryRoot } from "../environment.ts";
import { run } from "../process/run.ts";
import { ensurePythonPackages } from "../tools/python-environment.ts";
import { judgeFindings, parseExceptions, parseFindings } from "./judge-findings.ts";
import { renderChart } from "./render-chart.ts";

const here = join(repositoryRoot, "platform/scan");

const ensureCheckov = async (): Promise<string> => {
  const lines = (await readFile(join(here, "requirements.txt"), "utf8")).split("\n");
  const python = await ensurePythonPackages(lines.filter((line) => line !== "" && !line.startsWith("#")));
  return join(dirname(python), "checkov");
};

/** Nothing is asked of checkov's makers: what it looks for is in its package. */
const scan = async (checkov: string, file: string): Promise<string> =>
  run(
    [
      checkov,
      "--file",
      file,
      "--framework",
      "kubernetes",
      "--output",
      "json",
      "--soft-fail",
      "--skip-download",
      "--quiet",
    ],
    { env: { LOG_LEVEL: "ERROR" } },
  );

const directory = await mkdtemp(join(tmpdir(), "scan-"));
try {
  const [objects, checkov] = await Promise.all([renderChart(), ensureCheckov()]);
  const file = join(directory, "chart.yaml");
  await writeFile(file, objects.map((object) => stringify(object)).join("---\n"));
  const findings = parseFindings(JSON.parse(await scan(checkov, file)));
  const excepted = parseExceptions(parse(await readFile(join(here, "exceptions.yaml"), "utf8")));
  const wrong = judgeFindings(findings, excepted);
  console.log(
    `${objects.length} objects, ${findings.length} findings of checkov, ${wrong.length} without an exception`,
  );
  for (const line of wrong) console.error(line);
  process.exitCode = wrong.length === 0 ? 0 : 1;
} finally {
  await rm(directory, { recursive: true, force: true });
}
