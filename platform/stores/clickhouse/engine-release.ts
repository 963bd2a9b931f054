import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Session } from "chdb";

type Loader = { readonly loadNative: () => { readonly CloseConnection: (connection: unknown) => void } };

const require = createRequire(import.meta.url);
const loader = require(join(dirname(require.resolve("chdb")), "dist", "loader.js")) as Loader;

/**
 * Closes a connection on which nothing runs, at once. chdb 3.4.0's own `close` waits until no statement runs on any
 * connection; under a long query every connection opened since would stay, with the memory of its last statement.
 */
export const releaseConnection = (session: Session): void => {
  const { connection } = session;
  session.connection = null;
  session.close();
  if (connection !== null) loader.loadNative().CloseConnection(connection);
};
