import { execFile } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Kube } from "#test/e2e/kube.ts";

const run = promisify(execFile);

type PullRequest = { number: number; state: string; title: string; head: { ref: string; sha: string } };

/** The forge of the embedded platform, reached as a person at this machine would. */
export type Forge = AsyncDisposable & {
  /** Name that missions call it by. */
  host: string;
  /** What the sample missions' Secret holds. */
  credentials(): Promise<{ username: string; token: string }>;
  git(args: readonly string[]): Promise<string>;
  pullRequest(number: number): Promise<PullRequest>;
};

const decode = (value: string | undefined): string => Buffer.from(value ?? "", "base64").toString("utf8");

/** Opens the forge with the credentials that the sample missions use; `dir` keeps its CA. */
export const openForge = async (kube: Kube, dir: string): Promise<Forge> => {
  const host = "gitea.forge.svc";
  const secret = await kube.get<{ data: Record<string, string> }>("secret", "forge", "default");
  const ca = await kube.get<{ data: Record<string, string> }>("configmap", "enchanted-ca", "enchanted-system");
  const caPem = ca?.data["extra.crt"] ?? "";
  const caFile = join(dir, "forge-ca.crt");
  await writeFile(caFile, caPem);
  const username = decode(secret?.data["username"]);
  const password = decode(secret?.data["password"]);
  const askpass = join(dir, "askpass");
  await writeFile(askpass, `#!/bin/sh\ncase "$1" in Username*) echo "${username}" ;; *) echo "${password}" ;; esac\n`);
  await chmod(askpass, 0o700);
  const forward = await kube.forward("forge", "gitea", 443);
  const resolve = `${host}:${forward.port}:127.0.0.1`;
  const options = {
    host: "127.0.0.1",
    port: forward.port,
    servername: host,
    ca: caPem,
    headers: { host, authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` },
  };
  return {
    host,
    credentials: async () => ({ username, token: password }),
    git: async (args) => {
      const config = ["-c", `http.curloptResolve=${resolve}`];
      const rewritten = args.map((arg) => arg.replace(`https://${host}/`, `https://${host}:${forward.port}/`));
      const { stdout } = await run("git", [...config, ...rewritten], {
        env: { ...process.env, GIT_ASKPASS: askpass, GIT_SSL_CAINFO: caFile, GIT_TERMINAL_PROMPT: "0" },
      });
      return stdout;
    },
    pullRequest: (number) =>
      new Promise((done, fail) => {
        request({ ...options, path: `/api/v1/repos/swarm/turnstile/pulls/${number}` }, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
          response.on("end", () =>
            response.statusCode === 200
              ? done(JSON.parse(text) as PullRequest)
              : fail(new Error(`the forge answered ${response.statusCode}: ${text}`)),
          );
        })
          .on("error", fail)
          .end();
      }),
    [Symbol.asyncDispose]: () => forward.close(),
  };
};

/** Clones one branch of the sample repository and answers where. */
export const cloneBranch = async (forge: Forge, branch: string, into: string): Promise<string> => {
  await forge.git(["clone", "-q", "--branch", branch, `https://${forge.host}/swarm/turnstile.git`, into]);
  return into;
};
