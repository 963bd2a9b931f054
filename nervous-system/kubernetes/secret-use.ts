import { ownOf } from "#nervous-system/kernel/own-of.ts";
import { Buffer } from "node:buffer";
import type { Secret } from "#nervous-system/kubernetes/kinds.ts";
import { listsRepository } from "#nervous-system/kubernetes/repository-pattern.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import { annotation, label } from "#nervous-system/schemas/names.ts";

/** What a Secret is wanted for, and where its content would be sent. */
export type SecretUse = {
  readonly namespace: string;
  readonly name: string;
  readonly keys: readonly string[];
} & (
  | { readonly use: "git"; /** Clone URL. */ readonly repo: string }
  | { readonly use: "model"; /** `host` or `host:port`, as in the endpoint's URL. */ readonly host: string }
);

/** The values of the keys asked for, or why this Secret must not be used. */
export type SecretVerdict =
  | { readonly kind: "usable"; readonly values: Readonly<Record<string, string>> }
  | { readonly kind: "refused"; readonly reason: "SecretNotFound" | "SecretNotAllowed"; readonly message: string };

const hostWithoutPort = (host: string): string => host.replace(/:[0-9]+$/, "");

/** Whether an annotation's comma-separated list names the host, with its port or for every port; no wildcards. */
export const listsHost = (list: string | undefined, host: string): boolean => {
  const wanted = host.toLowerCase();
  const listed = (list ?? "").split(",").map((entry) => entry.trim().toLowerCase());
  return listed.some((entry) => entry !== "" && (entry === wanted || entry === hostWithoutPort(wanted)));
};

const isListed = ({ metadata: { annotations } }: Secret, wanted: SecretUse): boolean =>
  wanted.use === "git"
    ? listsRepository(annotations?.[annotation.repositories], wanted.repo)
    : listsHost(annotations?.[annotation.hosts], wanted.host);

const notListed = (wanted: SecretUse): string =>
  wanted.use === "git"
    ? `does not list ${wanted.repo} in annotation ${annotation.repositories}: add it, or a pattern of it such as https://git.example.org/team/*, if the credential is meant for that repository`
    : `does not list ${wanted.host} in annotation ${annotation.hosts}: add it if the credential is meant for that host`;

/** Judges whether a Secret may be used so: it must be labelled for the use and list the repository or host, and have the keys. */
export const judgeSecret = (secret: Secret | undefined, wanted: SecretUse): SecretVerdict => {
  const name = `Secret "${wanted.namespace}/${wanted.name}"`;
  if (secret === undefined)
    return { kind: "refused", reason: Reason.SecretNotFound, message: `${name} does not exist: create it` };
  if (secret.metadata.labels?.[label.use] !== wanted.use)
    return {
      kind: "refused",
      reason: Reason.SecretNotAllowed,
      message: `${name} is not labelled ${label.use}=${wanted.use}: label it if it is meant for that`,
    };
  if (!isListed(secret, wanted))
    return { kind: "refused", reason: Reason.SecretNotAllowed, message: `${name} ${notListed(wanted)}` };
  const values = wanted.keys.map((key) => [
    key,
    Buffer.from(ownOf(secret.data ?? {}, key) ?? "", "base64")
      .toString("utf8")
      .trim(),
  ]);
  const missing = values.filter(([, value]) => value === "").map(([key]) => key);
  if (missing.length > 0)
    return {
      kind: "refused",
      reason: Reason.SecretNotFound,
      message: `${name} has no ${missing.join(" and no ")}: add it to its data`,
    };
  return { kind: "usable", values: Object.fromEntries(values) };
};
