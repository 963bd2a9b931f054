// In both spellings: curl reads the lower one only, others the upper one. The scribe's own mouths are not behind the proxy, and
// gRPC would send its calls of them there without `no_proxy`.
const besideIt = "127.0.0.1,localhost";

/** What makes programs use the scribe's proxy port; nothing where there is none. */
export const proxyEnvironment = (port: number | undefined): Record<string, string> => {
  if (port === undefined) return {};
  const url = `http://127.0.0.1:${port}`;
  return { HTTPS_PROXY: url, https_proxy: url, NO_PROXY: besideIt, no_proxy: besideIt };
};
