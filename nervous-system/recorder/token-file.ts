import { readFile } from "node:fs/promises";

/** Whether a text is what a header can carry as a bearer token (RFC 6750): a certificate or two lines are none. */
export const isBearerToken = (text: string): boolean => /^[A-Za-z0-9._~+/-]+=*$/.test(text);

/** Reads a projected token anew on every call: the kubelet replaces the file long before the token expires. */
export const tokenFrom =
  (path: string): (() => Promise<string>) =>
  async () => {
    const token = (await readFile(path, "utf8")).trim();
    // Whoever refused it later would print it.
    if (!isBearerToken(token)) throw new Error(`${path} does not hold one token`);
    return token;
  };
