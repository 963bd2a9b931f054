import { errorText } from "../process/error-text.ts";
import { tryRun } from "../process/run.ts";

// The end of each: of a namespace of a dozen pods a screen or two.
const LINES = 40;

const answerOf = async (kubectl: readonly string[], args: readonly string[]): Promise<string> => {
  const { stdout, stderr } = await tryRun([...kubectl, "--request-timeout=20s", ...args]);
  const lines = `${stdout}${stderr}`.trim().split("\n");
  return [`$ kubectl ${args.join(" ")}`, ...lines.slice(-LINES)].join("\n");
};

const podsNotReady = async (kubectl: readonly string[]): Promise<string[]> => {
  const template =
    '{range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status} {.status.phase}{"\\n"}{end}';
  const { stdout } = await tryRun([...kubectl, "--request-timeout=20s", "get", "pods", "-o", `jsonpath=${template}`]);
  const rows = stdout.split("\n").map((line) => line.split(" "));
  return rows.flatMap(([name = "", ready, phase]) =>
    name === "" || ready === "True" || phase === "Succeeded" ? [] : [name],
  );
};

/**
 * Waits for what makes pods ready. Where it fails, the error also tells how the namespace that `kubectl` (program and options) names
 * looks: "timed out" alone helps nobody.
 */
export const tellingPods = async <T>(kubectl: readonly string[], work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    const told = [
      await answerOf(kubectl, ["get", "pods,persistentvolumeclaims", "-o", "wide"]),
      await answerOf(kubectl, ["get", "events", "--sort-by=.lastTimestamp"]),
    ];
    for (const pod of await podsNotReady(kubectl))
      told.push(await answerOf(kubectl, ["logs", pod, "--all-containers", "--prefix", "--ignore-errors", "--tail=10"]));
    throw new Error([errorText(error), ...told].join("\n"), { cause: error });
  }
};
