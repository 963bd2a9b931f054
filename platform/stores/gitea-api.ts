import { request as httpsRequest } from "node:https";

/** A forge and a user of it. */
export type ForgeLogin = {
  readonly url: string;
  /** Certificate authority of its https, PEM. */
  readonly caPem: string;
  readonly user: string;
  readonly password: string;
};

type Answer = { readonly status: number; readonly body: string };

/** Sends one request to the forge's API with the user's password. */
export const requestForge = (login: ForgeLogin, method: string, path: string, body?: unknown): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const request = httpsRequest(
      `${login.url}/api/v1${path}`,
      {
        method,
        ca: login.caPem,
        auth: `${login.user}:${login.password}`,
        headers: { "content-type": "application/json" },
        timeout: 30_000,
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
      },
    );
    request.on("timeout", () => request.destroy(new Error("no answer within 30 s")));
    request.on("error", reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });

/** Creates an access token with every scope, in place of one of the same name, and answers it. */
export const createGiteaToken = async (login: ForgeLogin, name: string): Promise<string> => {
  const path = `/users/${login.user}/tokens`;
  await requestForge(login, "DELETE", `${path}/${name}`);
  const { status, body } = await requestForge(login, "POST", path, { name, scopes: ["all"] });
  if (status !== 201) throw new Error(`${login.url} gave no token to ${login.user}: ${status} ${body}`);
  return (JSON.parse(body) as { sha1: string }).sha1;
};
