import type { CortexConfig } from "#agent-image/cortex/config.ts";

type Source = Pick<CortexConfig, "PATH" | "TMPDIR" | "HTTPS_PROXY" | "NO_PROXY">;

// In both spellings, because programs read one or the other; what no_proxy names would not be reachable by the proxy.
const proxyOf = ({ HTTPS_PROXY, NO_PROXY }: Source): Record<string, string> =>
  HTTPS_PROXY === undefined ? {} : { HTTPS_PROXY, https_proxy: HTTPS_PROXY, NO_PROXY, no_proxy: NO_PROXY };

/** What a command sees of the environment: nothing of the cortex's own but the way to the hosts that the mission allows. */
export const commandEnvironment = (config: Source, home: string): Record<string, string> => ({
  PATH: config.PATH,
  HOME: home,
  TMPDIR: config.TMPDIR,
  LANG: "C.UTF-8",
  TERM: "dumb",
  NO_COLOR: "1",
  CI: "true",
  ...proxyOf(config),
});
