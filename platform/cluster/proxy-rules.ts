import { run } from "../process/run.ts";

const FAMILIES = ["iptables", "ip6tables"] as const;

/** Chains and rules of Kubernetes: kube-proxy's, and the few that `kube-proxy --cleanup` leaves. */
const OURS = /^(?::KUBE-|-A KUBE-|-A \S+ .*-j KUBE-)/u;

const tableName = (line: string): string | undefined => /^\*(?<table>\w+)$/u.exec(line)?.groups?.["table"];

/**
 * Renders what takes the rules of Kubernetes out of a table as iptables-save tells it: jumps first, then
 * the emptied chains; undefined when there is nothing to take out.
 */
export const renderRemoval = (saved: readonly string[]): string | undefined => {
  const [head = "", ...lines] = saved;
  const found = lines.filter((line) => OURS.test(line));
  if (found.length === 0) return undefined;
  const chains = found.filter((line) => line.startsWith(":")).map((line) => line.slice(1).split(" ")[0]);
  const jumps = found.filter((line) => line.startsWith("-A ") && !line.startsWith("-A KUBE-"));
  return [
    head,
    ...jumps.map((line) => line.replace("-A ", "-D ")),
    ...chains.map((chain) => `-F ${chain}`),
    ...chains.map((chain) => `-X ${chain}`),
    "COMMIT",
    "",
  ].join("\n");
};

/** Splits the output of iptables-save into its tables, each beginning with `*name`. */
export const splitTables = (saved: string): string[][] => {
  const tables: string[][] = [];
  for (const line of saved.split("\n")) {
    if (tableName(line) !== undefined) tables.push([]);
    tables.at(-1)?.push(line);
  }
  return tables;
};

/** Removes every packet rule of kube-proxy; there is one Kubernetes on a machine. */
export const removeProxyRules = async (): Promise<void> => {
  for (const family of FAMILIES) {
    for (const table of splitTables(await run([`${family}-save`]))) {
      const removal = renderRemoval(table);
      if (removal !== undefined) await run([`${family}-restore`, "-w", "--noflush"], { input: removal });
    }
  }
};
