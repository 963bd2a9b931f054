import { mkdir } from "node:fs/promises";
import { join } from "node:path";
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

/** versitygw over a directory, on loopback. */
const s3Service = (
  binary: string,
  dir: string,
  port: number,
  account: { readonly accessKey: string; readonly secretKey: string },
): ServiceSpec => ({
  name: "s3",
  command: [
    binary,
    "--port",
    `127.0.0.1:${port}`,
    "--region",
    REGION,
    "posix",
    "--sidecar",
    join(dir, "attributes"),
    join(dir, "objects"),
  ],
  env: { ROOT_ACCESS_KEY: account.accessKey, ROOT_SECRET_KEY: account.secretKey },
  ready: { kind: "http", url: `http://127.0.0.1:${port}/`, anyStatus: true },
});

/** Starts an S3 server on a free loopback port and answers when it is ready; buckets are the caller's to make. */
export const startS3 = async (options: { readonly dir: string }): Promise<S3Server> => {
  for (const part of ["objects", "attributes"]) {
    await mkdir(join(options.dir, part), { recursive: true });
  }
  const port = await freePort();
  const account = { accessKey: "enchanted", secretKey: "enchanted-test-secret" };
  const spec = s3Service(await ensureTool("versitygw"), options.dir, port, account);
  const server = await startRestartable(spec, join(options.dir, "logs"));
  return Object.defineProperties(server, {
    endpoint: { value: `http://127.0.0.1:${port}`, enumerable: true },
    region: { value: REGION, enumerable: true },
    accessKey: { value: account.accessKey, enumerable: true },
    secretKey: { value: account.secretKey, enumerable: true },
  }) as S3Server;
};
