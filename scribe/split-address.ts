/** Host and port of `host:port`, whose form the configuration has checked. */
export const splitAddress = (address: string): { host: string; port: number } => {
  const at = address.lastIndexOf(":");
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
};
