// Runs within the agent's container of a real pod, told by the one argument what there is around it; prints a line of JSON a probe.
import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { access, constants, readdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { promisify } from "node:util";
import type { Surroundings } from "../surroundings.ts";

const run = promisify(execFile);
const WAIT_MS = 2000;

const codeOf = (error: unknown): string => {
  const { code, message = "" } = error as { code?: string | number; message?: string };
  return typeof code === "string" ? code : message.split("\n")[0] || String(code);
};

/** What came of it in one word or two: `done` tells what it means that nothing failed. */
const tried = async (act: () => Promise<unknown>, done: string): Promise<string> => {
  try {
    const answer = await act();
    return typeof answer === "string" ? answer : done;
  } catch (error) {
    return codeOf(error);
  }
};

const overTcp = (host: string, port: number): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (what: string): void => {
      socket.destroy();
      resolve(what);
    };
    socket.setTimeout(WAIT_MS, () => end("no answer"));
    socket.once("connect", () => end("open"));
    socket.once("error", (error) => end(codeOf(error)));
  });

/** A question that every server of its protocol answers. */
const overUdp = (host: string, port: number, question: Buffer): Promise<string> =>
  new Promise((resolve) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const end = (what: string): void => {
      clearTimeout(timer);
      socket.close();
      resolve(what);
    };
    const timer = setTimeout(() => end("no answer"), WAIT_MS);
    socket.once("message", () => end("answered"));
    socket.once("error", (error) => end(codeOf(error)));
    socket.send(question, port, host, (error) => {
      if (error !== null) end(codeOf(error));
    });
  });

const dnsQuestion = Buffer.from("000101000001000000000000076578616d706c6503636f6d0000010001", "hex");

/** Perl comes with Git; Node has no sockets of ICMP. */
const perl = async (script: string, ...args: string[]): Promise<string> => {
  try {
    return (await run("perl", ["-MSocket", "-e", script, ...args])).stdout.trim();
  } catch (error) {
    return (error as { stderr?: string }).stderr?.split("\n")[0]?.replace(/ at -e.*/, "") || codeOf(error);
  }
};

const rawSocket = (family: "PF_INET" | "PF_INET6"): Promise<string> =>
  perl(`socket(S,${family},SOCK_RAW,${family === "PF_INET" ? 1 : 58}) or die $!; print "made"`);

/** Shared with whoever listens there, as far as the kernel lets it. */
const listening = (address: string, port: number): Promise<string> =>
  perl(
    `use Socket qw(inet_pton pack_sockaddr_in6); my ($at, $port) = @ARGV; my $six = $at =~ /:/;
     socket(S,$six ? PF_INET6 : PF_INET,SOCK_STREAM,0) or die $!; setsockopt(S,SOL_SOCKET,$_,1) for SO_REUSEADDR,SO_REUSEPORT;
     bind(S,$six ? pack_sockaddr_in6($port,inet_pton(PF_INET6,$at)) : pack_sockaddr_in($port,inet_aton($at))) or die $!;
     listen(S,1) or die $!; print "made"`,
    address,
    String(port),
  );

const echo = (host: string): Promise<string> =>
  perl(
    `socket(S,PF_INET,SOCK_DGRAM,1) or die $!; send(S,pack("CCnnn",8,0,0,1,1),0,sockaddr_in(0,inet_aton($ARGV[0]))) or die $!;
     vec($r,fileno(S),1)=1; print select($r,undef,undef,2) ? "answered" : "no answer"`,
    host,
  );

const shell = (command: string): Promise<string> =>
  run("sh", ["-c", command], { timeout: WAIT_MS }).then(
    ({ stdout }) => stdout.trim() || "done",
    ({ stderr = "" }: { stderr?: string }) => stderr.trim().split("\n")[0]?.replace(/^.*: /, "") || "refused",
  );

const othersProcesses = async (): Promise<string> => {
  const own = process.getuid?.();
  const foreign: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]);
    if (status !== "" && uid !== own) foreign.push(pid);
  }
  return foreign.length === 0 ? "none seen" : `${foreign.length} seen`;
};

const writable = (path: string): Promise<string> => tried(async () => writeFile(`${path}/probe`, "x"), "written");

const surroundings = JSON.parse(process.argv[2] ?? "{}") as Surroundings;

// The scribe itself listens on the first alone.
const scribePlaces = ["127.0.0.1", "0.0.0.0", "::1"];
const fileFolders = ["/", "/enchanted/sock", "/enchanted/bin", "/enchanted/fetch", "/etc", "/sys", "/proc/sys/kernel"];
const secrets = ["/enchanted/token", "/enchanted/wal", "/var/run/secrets/kubernetes.io/serviceaccount/token"];

const addressing = (): string => {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  return addresses.some(({ family, internal }) => family === "IPv6" && !internal) ? "has one" : "has none";
};

const network = async (): Promise<Array<[string, Promise<string>]>> => {
  const device = Object.keys(networkInterfaces()).find((name) => name !== "lo") ?? "eth0";
  const resolver = /^nameserver\s+(\S+)/m.exec(await readFile("/etc/resolv.conf", "utf8"))?.[1] ?? "127.0.0.53";
  const { tcp, dns, icmp } = surroundings;
  return [
    ["an IPv6 address of the pod", Promise.resolve(addressing())],
    ...tcp.map(({ what, host, port }): [string, Promise<string>] => [`TCP to ${what}`, overTcp(host, port)]),
    ["TCP to the node by its link, IPv6", overTcp(`fe80::1%${device}`, 10_250)],
    ...dns.map(({ what, host }): [string, Promise<string>] => [
      `UDP to ${what}, port 53`,
      overUdp(host, 53, dnsQuestion),
    ]),
    ["UDP to all of the link, IPv6", overUdp(`ff02::1%${device}`, 53, dnsQuestion)],
    ["the resolver of /etc/resolv.conf", overUdp(resolver, 53, dnsQuestion)],
    ["a name by the resolver", tried(async () => lookup("example.com"), "resolved")],
    ...icmp.map(({ what, host }): [string, Promise<string>] => [`an echo to ${what}`, echo(host)]),
    ["a raw socket", rawSocket("PF_INET")],
    ["a raw socket, IPv6", rawSocket("PF_INET6")],
    ...scribePlaces.map((at): [string, Promise<string>] => [
      `listening on the scribe's port 4318 of ${at}`,
      listening(at, 4318),
    ]),
  ];
};

const host = (): Array<[string, Promise<string>]> => [
  ["processes of other users in sight", othersProcesses()],
  ["the environment of process 1", tried(async () => readFile("/proc/1/environ"), "read")],
  ["the memory of process 1", tried(async () => access("/proc/1/mem", constants.W_OK), "may be written")],
  ["a new user namespace", shell("unshare -U true")],
  ["a new mount namespace", shell("unshare -m true")],
  ["mounting over /proc", shell("mount -t tmpfs none /proc")],
  ["root by setuid", shell("su -c true < /dev/null")],
  ["a device file", shell("mknod /tmp/device b 8 0")],
  ...fileFolders.map((path): [string, Promise<string>] => [`a file in ${path}`, writable(path)]),
  ...secrets.map((path): [string, Promise<string>] => [
    `reading ${path}`,
    tried(async () => readdir(path).catch(async () => readFile(path)), "read"),
  ]),
];

for (const [what, answer] of [...(await network()), ...host()])
  console.log(JSON.stringify({ what, answer: await answer }));
process.exit();
