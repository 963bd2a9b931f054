import { shellEnvironment } from "#nervous-system/kernel/shell.ts";
import type { PodConfig } from "#operator/pod/config.ts";
import { criterionName, criterionVariable } from "#operator/pod/criteria.ts";
import {
  containerSecurity,
  emptyDir,
  environment,
  memoryDir,
  mount,
  mountReadOnly,
  type Container,
  type Volume,
} from "#operator/pod/parts.ts";

const user = 65532;
const fetched = "/enchanted/fetch/repo.git";
const home = "/tmp/home";
/** As much as a container runtime gives by itself. */
const sharedMemory = "64Mi";

// Nothing of the image's own settings counts, which may name filters and hooks. The serving side of a clone sees none of ours
// but what `--upload-pack` tells it. Objects are borrowed: what was fetched stays as it is, since it can only be read.
const clone = [
  "GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ATTR_NOSYSTEM=1",
  `git -c core.hooksPath=/dev/null -c safe.directory=${fetched} -c protocol.allow=never -c protocol.file.allow=always`,
  `clone --quiet --shared --template= --upload-pack='git -c safe.directory=${fetched} upload-pack'`,
  `-- ${fetched} repo`,
].join(" ");

const variables = Object.entries(shellEnvironment({ PATH: "$PATH", TMPDIR: "/tmp" }, home))
  .map(([name, value]) => `${name}="${value}"`)
  .join(" ");

/*
 * The shell that runs this is process 1 of the container. It checks the commit out, runs the command and ends with its exit
 * code, and the kernel kills whatever the command left. The command is not process 1 itself (no `exec`): the kernel spares that
 * one the signals by which a program ends itself, so some that should end by a signal would go on and exit 0. A shell has no
 * debugger that a signal opens, and decides nothing but by the exit code that it hands on.
 */
const script = `exec 2>&1
mkdir ${home} && ${clone} && cd repo || { echo "The commit could not be checked out."; exit 125; }
env -i ${variables} /bin/sh -c "$${criterionVariable}"
exit $?`;

/** Volumes of one criterion, which no other one sees. */
export const criterionVolumes = ({ workspaceSize }: PodConfig, place: number): Volume[] => [
  emptyDir(`workspace-${place + 1}`, workspaceSize),
  emptyDir(`tmp-${place + 1}`, workspaceSize),
  // The containers of a pod share one of the runtime's unless they have their own.
  memoryDir(`shm-${place + 1}`, sharedMemory),
];

/** The container of one criterion, by its place from 0: its exit code, as the kubelet tells it, is the verdict. */
export const criterionContainer = (config: PodConfig, command: string, place: number): Container => ({
  name: criterionName(place),
  image: config.agentImage,
  command: ["/bin/sh", "-c", script.replaceAll("$", "$$$$")],
  workingDir: "/workspace",
  env: environment({ [criterionVariable]: command }),
  resources: config.agentResources,
  securityContext: containerSecurity(user),
  // The end of the output is told as evidence; whatever a command writes as its message is no more than that.
  terminationMessagePolicy: "FallbackToLogsOnError",
  volumeMounts: [
    mount(`workspace-${place + 1}`, "/workspace"),
    mountReadOnly("fetch", "/enchanted/fetch"),
    mount(`tmp-${place + 1}`, "/tmp"),
    mount(`shm-${place + 1}`, "/dev/shm"),
  ],
});
