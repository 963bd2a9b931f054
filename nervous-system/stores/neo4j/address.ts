/** Where Neo4j is and how it is reached, as the driver wants it. */
export type Neo4jAddress = {
  readonly url: string;
  readonly encrypted: boolean;
};

/**
 * Reads `bolt://`, `bolt+s://`, `neo4j://` or `neo4j+s://host:port`: `+s` asks for TLS, and so does a CA that is named,
 * so that no password is ever said in plain text to a server of which a certificate is expected.
 */
export const readAddress = (url: string, caFile: string | undefined): Neo4jAddress => {
  const [, scheme = "", secure = "", rest = ""] = /^(bolt|neo4j)(\+s)?(:\/\/.+)$/.exec(url) ?? [];
  if (scheme === "") throw new Error(`"${url}" is no URL of Neo4j: bolt(+s):// or neo4j(+s)://host:port`);
  return { url: `${scheme}${rest}`, encrypted: secure !== "" || caFile !== undefined };
};
