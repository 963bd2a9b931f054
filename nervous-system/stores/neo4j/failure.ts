/** What Neo4j, or the way to it, answered instead of a result. */
export class Neo4jFailure extends Error {
  override readonly name = "Neo4jFailure";
  /**
   * `data`: the parameters cannot be stored as they are. `schema`: the database is not what it was prepared to be.
   * `limit`: the transaction takes more time or memory than it may. `passing`: everything else, from a server that is away to one
   * that is full.
   */
  readonly kind: "data" | "schema" | "limit" | "passing";

  constructor(kind: Neo4jFailure["kind"], message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

// Of Neo4j's status codes. A violated constraint is not among them: with one key a node it means that somebody else wrote
// the same at the same time, and the next try sees it.
const DATA_CODES: ReadonlySet<string> = new Set([
  "Neo.ClientError.Statement.TypeError",
  "Neo.ClientError.Statement.ArgumentError",
  "Neo.ClientError.Statement.ArithmeticError",
  "Neo.ClientError.Statement.SemanticError",
  "Neo.ClientError.Request.Invalid",
]);

/** An index that a statement names is not there. */
const SCHEMA_CODES: ReadonlySet<string> = new Set([
  "Neo.ClientError.Schema.IndexNotFound",
  "Neo.ClientError.Schema.ConstraintNotFound",
  "Neo.ClientError.Database.DatabaseNotFound",
]);

const LIMIT_CODES: ReadonlySet<string> = new Set([
  "Neo.ClientError.Transaction.TransactionTimedOut",
  "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration",
  "Neo.TransientError.General.MemoryPoolOutOfMemoryError",
]);

const kindOf = (code: string): Neo4jFailure["kind"] => {
  if (DATA_CODES.has(code)) return "data";
  if (SCHEMA_CODES.has(code)) return "schema";
  return LIMIT_CODES.has(code) ? "limit" : "passing";
};

/** Reads whatever the driver rejected with; one that is read already stays what it is. */
export const toNeo4jFailure = (error: unknown): Neo4jFailure => {
  if (error instanceof Neo4jFailure) return error;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const known = String(code);
  return new Neo4jFailure(kindOf(known), `Neo4j (${known}): ${String(message ?? error)}`, error);
};
