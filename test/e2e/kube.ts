import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { layoutOf } from "#platform/cluster/layout.ts";
import { stateDirectory } from "#platform/environment.ts";
import { waitFor } from "#platform/process/wait.ts";
import { ensureTool } from "#platform/tools/ensure-tool.ts";

/** What a command answered. */
type Answer = { code: number; stdout: string; stderr: string };

/** kubectl on the embedded cluster, as a user types it. */
export type Kube = {
  /** Runs kubectl and answers whatever came of it. */
  run(args: readonly string[], input?: string): Promise<Answer>;
  /** Runs kubectl and answers its output; throws with its words when it fails. */
  ok(args: readonly string[], input?: string): Promise<string>;
  /** The object, or undefined when there is none. */
  get<T>(kind: string, name: string, namespace: string): Promise<T | undefined>;
  /** The objects that a selector finds. */
  list<T>(kind: string, namespace: string, selector?: string): Promise<T[]>;
  apply(object: object): Promise<string>;
  /** Reaches a port of a Service from here, until closed. */
  forward(namespace: string, service: string, port: number): Promise<Forward>;
};

/** A port on loopback that leads into the cluster. */
export type Forward = { port: number; close(): Promise<void> };

const collect = async (child: ChildProcess, input: string | undefined): Promise<Answer> => {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin?.on("error", () => undefined).end(input); // its own words tell why it ended early
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? 1, stdout, stderr };
};

/** Opens the embedded cluster that `make up` or `make test` started. */
export const openCluster = async (): Promise<Kube> => {
  const kubectl = await ensureTool("kubectl");
  const { kubeconfig } = layoutOf(stateDirectory());
  const start = (args: readonly string[]): ChildProcess => spawn(kubectl, ["--kubeconfig", kubeconfig, ...args]);
  const run: Kube["run"] = (args, input) => collect(start(args), input);
  const ok: Kube["ok"] = async (args, input) => {
    const answer = await run(args, input);
    if (answer.code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${answer.stderr}${answer.stdout}`);
    return answer.stdout;
  };
  return {
    run,
    ok,
    get: async (kind, name, namespace) => {
      const text = await ok(["get", kind, name, "-n", namespace, "--ignore-not-found", "-o", "json"]);
      return text.trim() === "" ? undefined : JSON.parse(text);
    },
    list: async (kind, namespace, selector) => {
      const filter = selector === undefined ? [] : ["-l", selector];
      return JSON.parse(await ok(["get", kind, "-n", namespace, ...filter, "-o", "json"])).items;
    },
    apply: (object) => ok(["apply", "-f", "-"], JSON.stringify(object)),
    forward: (namespace, service, port) =>
      forwardBy(start(["port-forward", "-n", namespace, `service/${service}`, `:${port}`])),
  };
};

const forwardBy = async (child: ChildProcess): Promise<Forward> => {
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const port = await waitFor(
    "port-forward",
    () => {
      if (child.exitCode !== null) throw new Error(output);
      return /127\.0\.0\.1:(\d+)/.exec(output)?.[1];
    },
    { timeoutMs: 15_000 },
  );
  return {
    port: Number(port),
    close: async () => {
      if (child.exitCode !== null) return;
      const closed = once(child, "close");
      child.kill();
      await closed;
    },
  };
};
