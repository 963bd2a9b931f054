import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Session } from "chdb";

/** The ClickHouse engine as a library of this process. */
export type EngineLibrary = {
  /** Opens a connection to the one data directory; under a millisecond when another is open. */
  readonly open: (dataDir: string, args: readonly string[]) => Session;
  /** Closes a connection on which nothing runs. */
  readonly release: (connection: Session) => void;
  /** Resolves when nothing runs on any connection. */
  readonly idle: () => Promise<void>;
};

type Loader = { readonly loadNative: () => { readonly CloseConnection: (connection: unknown) => void } };

// chdb's own `close` (3.4.0) waits until no statement runs on any connection: under one long query every connection
// opened since would stay, with the memory of its last statement, and cancelled queries would stay listed.
const releaseAtOnce = (loader: Loader, session: Session): void => {
  const { connection } = session;
  session.connection = null;
  session.close();
  if (connection !== null) loader.loadNative().CloseConnection(connection);
};

/** Loads the engine, 190 MB resident: here and not by an import, so that the server's process goes without. */
export const loadEngineLibrary = async (): Promise<EngineLibrary> => {
  const chdb = await import("chdb");
  const require = createRequire(import.meta.url);
  const loader = require(join(dirname(require.resolve("chdb")), "dist", "loader.js")) as Loader;
  return {
    open: (dataDir, connectionArgs) => new chdb.Session(dataDir, { connectionArgs }),
    release: (connection) => releaseAtOnce(loader, connection),
    idle: () => chdb.drainPending(),
  };
};
