import neo4j, { type Config, type Driver, type ManagedTransaction, type Session } from "neo4j-driver";
import { readAddress } from "./address.ts";
import { Neo4jFailure, toNeo4jFailure } from "./failure.ts";
import { asParameters, type Parameters } from "./parameters.ts";

/** Where Neo4j is and who we are. */
export type Neo4jOptions = {
  /** `bolt(+s)://host:port`, or `neo4j(+s)://` where it is a cluster. */
  readonly url: string;
  /** File of the CA that alone its certificate may come from, PEM; the public ones without it. */
  readonly caFile?: string | undefined;
  readonly username: string;
  readonly password: string;
};

/** Runs one statement and answers its rows; integers are numbers, which are exact up to 2^53. */
export type RunStatement = <Row>(statement: string, parameters?: Parameters) => Promise<Row[]>;

/** Neo4j as far as the product uses it. Everything rejects with `Neo4jFailure`. */
export type GraphClient = {
  /** Runs a statement in a transaction of its own, as statements about the schema need it. */
  run: RunStatement;
  /** Runs `work` in one transaction; nothing of it is stored where it rejects or the signal aborts before its end. */
  write<T>(work: (run: RunStatement) => Promise<T>, signal?: AbortSignal): Promise<T>;
  close(): Promise<void>;
};

const CONNECT_TIMEOUT_MS = 10_000;
const TRANSACTION_TIMEOUT_MS = 60_000;

const driverOf = ({ url: given, caFile, username, password }: Neo4jOptions): Driver => {
  const { url, encrypted } = readAddress(given, caFile);
  const trust: Pick<Config, "trust" | "trustedCertificates"> =
    caFile === undefined
      ? { trust: "TRUST_SYSTEM_CA_SIGNED_CERTIFICATES" }
      : { trust: "TRUST_CUSTOM_CA_SIGNED_CERTIFICATES", trustedCertificates: [caFile] };
  return neo4j.driver(url, neo4j.auth.basic(username, password), {
    ...(encrypted ? { encrypted: "ENCRYPTION_ON", ...trust } : { encrypted: "ENCRYPTION_OFF" }),
    disableLosslessIntegers: true,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    connectionAcquisitionTimeout: 2 * CONNECT_TIMEOUT_MS,
    maxConnectionPoolSize: 8,
    // It says so to the server, which tells its own maker.
    telemetryDisabled: true,
  });
};

type Runner = Pick<ManagedTransaction, "run">;

const runOn =
  (runner: Runner): RunStatement =>
  async <Row>(statement: string, parameters: Parameters = {}) => {
    const { records } = await runner.run(statement, asParameters(parameters));
    return records.map((record) => record.toObject() as Row);
  };

const transact = async <T>(
  session: Session,
  work: (run: RunStatement) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> => {
  const transaction = await session.beginTransaction({ timeout: TRANSACTION_TIMEOUT_MS });
  try {
    const run = runOn(transaction);
    const result = await work(async (...statement) => {
      signal?.throwIfAborted();
      return run(...statement);
    });
    signal?.throwIfAborted();
    await transaction.commit();
    return result;
  } catch (error) {
    await transaction.rollback().catch(() => undefined);
    throw error;
  }
};

/** Creates a client; it connects with its first statement. */
export const createGraphClient = (options: Neo4jOptions): GraphClient => {
  const driver = driverOf(options);
  const inSession = async <T>(use: (session: Session) => Promise<T>): Promise<T> => {
    const session = driver.session();
    try {
      return await use(session);
    } catch (error) {
      throw toNeo4jFailure(error);
    } finally {
      await session.close().catch(() => undefined);
    }
  };
  return {
    run: (statement, parameters) =>
      inSession((session) =>
        runOn({ run: (text, given) => session.run(text, given, { timeout: TRANSACTION_TIMEOUT_MS }) })(
          statement,
          parameters,
        ),
      ),
    write: async (work, signal) => {
      if (signal?.aborted) throw new Neo4jFailure("passing", String(signal.reason), signal.reason);
      return inSession((session) => transact(session, work, signal));
    },
    close: () => driver.close(),
  };
};
