import { readFile, writeFile } from "node:fs/promises";
import { stringify } from "yaml";
import type { KeyPair } from "./certificates.ts";

/** Where an API server is and who its certificate authority is. */
export type ApiServerAddress = { readonly url: string; readonly caFile: string };

const base64Of = async (path: string): Promise<string> => (await readFile(path)).toString("base64");

/** Writes a kubeconfig, whole in itself, that speaks to the API server with the given client certificate. */
export const writeKubeconfig = async (path: string, server: ApiServerAddress, client: KeyPair): Promise<string> => {
  const name = "enchanted";
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [
      {
        name,
        cluster: {
          server: server.url,
          "certificate-authority-data": await base64Of(server.caFile),
        },
      },
    ],
    users: [
      {
        name,
        user: {
          "client-certificate-data": await base64Of(client.certFile),
          "client-key-data": await base64Of(client.keyFile),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
  };
  await writeFile(path, stringify(config), { mode: 0o600 });
  return path;
};
