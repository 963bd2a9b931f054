import { afterAll, describe, expect, it } from "@jest/globals";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { grpcStatus, GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import type { OptionValues } from "../arguments.ts";
import { CliError, type Host } from "../host.ts";
import { explainFailure, isRefusal } from "./connect.ts";
import { collectorService, readerService, readServer } from "./settings.ts";

const cwd = mkdtempSync(join(tmpdir(), "enchanted-settings-"));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
writeFileSync(join(cwd, "token"), "one\n");
writeFileSync(join(cwd, "empty"), "\n");
writeFileSync(join(cwd, "ca.crt"), "-----BEGIN CERTIFICATE-----\n");

const hostOf = (env: Record<string, string> = {}): Host => ({ cwd, env }) as unknown as Host;
const whole: OptionValues = {
  collector: "localhost:4317",
  namespace: "team",
  "token-file": "token",
  "ca-file": "ca.crt",
};

describe("reading where the collector is", () => {
  it("has none unless it is named", () => {
    expect(readServer(hostOf(), { namespace: "team" })).toBeUndefined();
  });

  it("takes options before the environment, and reads the token anew on each call", async () => {
    const env = {
      ENCHANTED_COLLECTOR: "[::1]:4317",
      ENCHANTED_NAMESPACE: "other",
      ENCHANTED_CA_FILE: "ca.crt",
      ENCHANTED_TOKEN_FILE: "token",
      ENCHANTED_SERVER_NAME: "enchanted-collector",
    };
    expect(readServer(hostOf(env), {})).toMatchObject({ host: "::1", port: 4317, namespace: "other" });
    const server = readServer(hostOf(env), whole);
    expect(server).toMatchObject({ host: "localhost", namespace: "team", serverName: "enchanted-collector" });
    expect(await server?.token()).toBe("one");
    writeFileSync(join(cwd, "token"), "two");
    expect(await server?.token()).toBe("two");
  });

  it("knows the reader by variables of its own, beside what both are called with", () => {
    const env = { ENCHANTED_READER: "r.example:4319", ENCHANTED_NAMESPACE: "team", ENCHANTED_TOKEN: "own" };
    const other = { ENCHANTED_COLLECTOR: "c.example:4317", ENCHANTED_SERVER_NAME: "enchanted-collector" };
    const server = readServer(hostOf({ ...env, ...other }), {}, readerService);
    expect(server).toMatchObject({ host: "r.example", port: 4319, namespace: "team" });
    expect(server?.serverName).toBeUndefined();
    const failure = new GrpcFailure(grpcStatus.unavailable, "Hostname/IP does not match certificate's altnames");
    expect(server && explainFailure(failure, server)).toMatch(/--server-name enchanted-reader$/);
  });

  it("takes a token from the environment where no file is named, and the machine's CAs", async () => {
    const server = readServer(hostOf({ ENCHANTED_TOKEN: "own" }), { collector: "c.example:443", namespace: "team" });
    expect(await server?.token()).toBe("own");
    expect(server?.caPem).toContain("-----BEGIN CERTIFICATE-----");
  });

  it.each<[OptionValues, RegExp]>([
    [{ ...whole, collector: "localhost" }, /--collector localhost: give host:port/],
    [{ ...whole, collector: "localhost:99999" }, /give host:port/],
    [{ ...whole, collector: "https://localhost:4317" }, /give host:port/],
    [{ ...whole, namespace: undefined }, /say which with --namespace/],
    [{ ...whole, namespace: "No_Name" }, /no name of a namespace/],
    [{ ...whole, "token-file": undefined }, /name it with --token-file: kubectl create token default --namespace team/],
    [{ ...whole, "token-file": "none" }, /token file .*none cannot be read \(ENOENT\); kubectl create token/],
    [{ ...whole, "token-file": "empty" }, /is empty; kubectl create token/],
    [{ ...whole, "token-file": "ca.crt" }, /something else than one token; name another file .* > enchanted-token$/],
    [{ ...whole, "token-file": "." }, /cannot be read \(EISDIR\); name another file .* > enchanted-token$/],
    [{ ...whole, "ca-file": "none" }, /CA file .*none cannot be read \(ENOENT\); write it with: kubectl get configmap/],
    [{ ...whole, "ca-file": "token" }, /holds no certificate in PEM/],
  ])("says what is wrong with %j, as a mistake of the command line", (options, message) => {
    const reading = (): unknown => readServer(hostOf(), options);
    expect(reading).toThrow(message);
    expect(reading).toThrow(CliError);
  });
});

describe("explaining what the collector said", () => {
  const server = { service: collectorService, address: "localhost:4317", namespace: "team", tokenFile: "token" };
  it.each<[number, string, RegExp, boolean]>([
    [grpcStatus.unauthenticated, "no", /make a fresh one: kubectl create token default .* > token$/, true],
    [grpcStatus.permissionDenied, "grant it", /^the collector refuses: grant it$/, true],
    [grpcStatus.unavailable, "connect ECONNREFUSED", /^the collector at localhost:4317 cannot be reached: /, false],
    [grpcStatus.unavailable, "unable to verify the first certificate", /not trusted: .*--ca-file/, false],
    [grpcStatus.unavailable, "Hostname/IP does not match certificate's altnames", /--server-name/, false],
    [grpcStatus.aborted, "ask Tail", /^ask Tail$/, false],
  ])("code %d, %s", (code, message, explained, refusal) => {
    const failure = new GrpcFailure(code, message);
    expect(explainFailure(failure, server)).toMatch(explained);
    expect(isRefusal(failure)).toBe(refusal);
  });
});
