import neo4j, { type Config, type Driver, type ManagedTransaction, type Session, type SessionMode } from "neo4j-driver";
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
  /** How long a transaction may take, milliseconds; a minute without it. */
  readonly transactionTimeoutMs?: number;
};

/** Runs one statement and answers its rows; integers are numbers, which are exact up to 2^53. */
export type RunStatement = <Row>(statement: string, parameters?: Parameters) => Promise<Row[]>;

/** Neo4j as far as the product uses it. Everything rejects with `Neo4jFailure`. */
export type GraphClient = {
  /** Runs a statement in a transaction of its own, as statements about the schema need it. */
  run: RunStatement;
  /** Runs a statement that only reads; it is ended when the signal aborts, or its time is over. */
  read<Row>(
    statement: string,
    parameters: Parameters,
    limits: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<Row[]>;
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
  { signal, timeout }: { readonly signal: AbortSignal | undefined; readonly timeout: number },
): Promise<T> => {
  const transaction = await session.beginTransaction({ timeout });
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

type Read = {
  readonly statement: string;
  readonly parameters: Parameters;
  readonly signal: AbortSignal;
  readonly timeout: number;
};

/** Closing a session is what ends its statement: a transaction's rollback would wait for it. */
const readOn = async <Row>(session: Session, { statement, parameters, signal, timeout }: Read): Promise<Row[]> => {
  const end = (): void => void session.close().catch(() => undefined);
  signal.throwIfAborted();
  signal.addEventListener("abort", end, { once: true });
  try {
    return await runOn({ run: (text, given) => session.run(text, given, { timeout }) })<Row>(statement, parameters);
  } finally {
    signal.removeEventListener("abort", end);
  }
};

/** Creates a client; it connects with its first statement. */
export const createGraphClient = (options: Neo4jOptions): GraphClient => {
  const driver = driverOf(options);
  const { transactionTimeoutMs: timeout = TRANSACTION_TIMEOUT_MS } = options;
  const inSession = async <T>(
    use: (session: Session) => Promise<T>,
    mode: SessionMode = neo4j.session.WRITE,
  ): Promise<T> => {
    const session = driver.session({ defaultAccessMode: mode });
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
        runOn({ run: (text, given) => session.run(text, given, { timeout }) })(statement, parameters),
      ),
    read: (statement, parameters, { signal, timeoutMs }) =>
      inSession(
        (session) => readOn(session, { statement, parameters, signal, timeout: timeoutMs }),
        neo4j.session.READ,
      ),
    write: async (work, signal) => {
      if (signal?.aborted) throw new Neo4jFailure("passing", String(signal.reason), signal.reason);
      return inSession((session) => transact(session, work, { signal, timeout }));
    },
    close: () => driver.close(),
  };
};
