import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { KeyPair } from "../cluster/certificates.ts";
import { freePort } from "../process/ports.ts";
import { startRestartable, type Restartable } from "../process/restartable.ts";
import type { ServiceSpec } from "../process/service.ts";
import { ensureTool } from "../tools/ensure-tool.ts";

/** A running S3 server and the one account that may use it. */
export type S3Server = Restartable & {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
};

const REGION = "us-east-1";

/** What decides how it is started. */
export type S3ServerOptions = {
  readonly dir: string;
  /** Serve HTTPS by these files; HTTP without them. */
  readonly tls?: KeyPair;
  /** Keep versions of the objects of those buckets that want it, or lock. */
  readonly versions?: boolean;
};

/** versitygw over a directory, on loopback. */
const s3Service = (
  binary: string,
  { dir, tls, versions }: S3ServerOptions,
  port: number,
  account: { readonly accessKey: string; readonly secretKey: string },
): ServiceSpec => ({
  name: "s3",
  command: [
    binary,
    "--port",
    `127.0.0.1:${port}`,
    ...(tls ? ["--cert", tls.certFile, "--key", tls.keyFile] : []),
    "--region",
    REGION,
    "posix",
    ...(versions === true ? ["--versioning-dir", join(dir, "versions")] : []),
    "--sidecar",
    join(dir, "attributes"),
    join(dir, "objects"),
  ],
  env: { ROOT_ACCESS_KEY: account.accessKey, ROOT_SECRET_KEY: account.secretKey },
  ready: tls
    ? { kind: "tcp", host: "127.0.0.1", port }
    : { kind: "http", url: `http://127.0.0.1:${port}/`, anyStatus: true },
});

/** Starts an S3 server on a free loopback port and answers when it is ready; buckets are the caller's to make. */
export const startS3 = async (options: S3ServerOptions): Promise<S3Server> => {
  for (const part of ["objects", "attributes", "versions"]) {
    await mkdir(join(options.dir, part), { recursive: true });
  }
  const port = await freePort();
  const account = { accessKey: "enchanted", secretKey: "enchanted-test-secret" };
  const spec = s3Service(await ensureTool("versitygw"), options, port, account);
  const server = await startRestartable(spec, join(options.dir, "logs"));
  return Object.defineProperties(server, {
    endpoint: { value: `${options.tls ? "https" : "http"}://127.0.0.1:${port}`, enumerable: true },
    region: { value: REGION, enumerable: true },
    accessKey: { value: account.accessKey, enumerable: true },
    secretKey: { value: account.secretKey, enumerable: true },
  }) as S3Server;
};
