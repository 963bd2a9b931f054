/** One archive of the plugin, for Linux on processors of one kind. */
export type PluginArchive = {
  /** As Go names it: `amd64`, `arm64`. */
  readonly arch: string;
  /** Where it can be fetched. */
  readonly uri: string;
  /** Of the whole archive, in hex. */
  readonly sha256: string;
};

/** Name of the plugin: `kubectl enchanted`. */
export const pluginName = "enchanted";

/** The program's place in the archive, which krew links as `kubectl-enchanted`. */
export const pluginProgram = "cli/bin/enchanted";

/** The manifest by which krew installs the plugin: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest. */
export const renderPluginManifest = (version: string, archives: readonly PluginArchive[]): Record<string, unknown> => ({
  apiVersion: "krew.googlecontainertools.github.com/v1alpha2",
  kind: "Plugin",
  metadata: { name: pluginName },
  spec: {
    version: `v${version}`,
    shortDescription: "Watch, steer and ask missions of coding agents",
    description: [
      "Waits for missions of Enchanted Swarm, shows live what their agents do,",
      "pauses, resumes and cancels them, tells what holds one up and what to type,",
      "and asks the record of what agents did, and why.",
      "",
    ].join("\n"),
    caveats: "It is the program `enchanted`; `kubectl enchanted --help` lists its commands.\n",
    platforms: archives.map(({ arch, uri, sha256 }) => ({
      selector: { matchLabels: { os: "linux", arch } },
      uri,
      sha256,
      bin: pluginProgram,
      files: [{ from: "*", to: "." }],
    })),
  },
});
