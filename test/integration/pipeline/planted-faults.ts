import type { GraphClient } from "#nervous-system/stores/neo4j/graph-client.ts";
import { filesPrefix, manifestsPrefix } from "#pipeline/siphon/archive/keys.ts";
import { readObject } from "#pipeline/siphon/archive/read-object.ts";
import type { Random } from "#test/simulation/random.ts";
import { makeArchiveKey } from "./archive-harness.ts";
import type { AuditedStores } from "./auditor-harness.ts";

/** A fault that stands in a store until it is taken back. */
type Planted = { readonly what: string; takeBack(): Promise<void> };

/** A kind of fault: where it is planted, and whether that store is the one to be named. */
export type FaultKind = {
  readonly name: string;
  readonly store: "ledger" | "archive" | "graph";
  plant(stores: AuditedStores, random: Random): Promise<Planted>;
};

const table = "enchanted.context_frames";
const kept = "enchanted.kept";

const command = ({ ledger }: AuditedStores, query: string): Promise<unknown> =>
  ledger.client.command({ query, clickhouse_settings: { mutations_sync: "1", insert_deduplicate: 0 } });

/** Keeps the ledger as it is now, to be taken back to. */
export const keepLedger = async (stores: AuditedStores): Promise<void> => {
  await command(stores, `CREATE TABLE ${kept} AS ${table}`);
  await command(stores, `INSERT INTO ${kept} SELECT * FROM ${table} FINAL`);
};

const someRow = async ({ ledger }: AuditedStores, random: Random): Promise<string> => {
  const rows = await ledger.rows<{ agent_uid: string; epoch: number; seq: string; event_id: string }>(
    `SELECT agent_uid, epoch, seq, event_id FROM ${kept} ORDER BY agent_uid, epoch, seq`,
  );
  const { agent_uid, epoch, seq, event_id } = random.pick(rows);
  return `agent_uid = '${agent_uid}' AND epoch = ${epoch} AND seq = ${seq} AND event_id = '${event_id}'`;
};

const inLedger = (name: string, ...statements: readonly ((row: string) => string)[]): FaultKind => ({
  name,
  store: "ledger",
  plant: async (stores, random) => {
    const row = await someRow(stores, random);
    for (const statement of statements) await command(stores, statement(row));
    const takeBack = async (): Promise<void> => {
      await command(stores, `TRUNCATE TABLE ${table}`);
      await command(stores, `INSERT INTO ${table} SELECT * FROM ${kept}`);
    };
    return { what: row, takeBack };
  },
});

const again = (changed: string) => (row: string) =>
  `INSERT INTO ${table} SELECT * REPLACE (${changed}) FROM (SELECT * FROM ${kept} WHERE ${row})`;
const deleted = (row: string): string => `ALTER TABLE ${table} DELETE WHERE ${row}`;
const changed = (change: string) => (row: string) => `ALTER TABLE ${table} UPDATE ${change} WHERE ${row}`;

const nobody = "99999999-0000-4000-8000-000000000001";
const madeUp = (how: string): string =>
  `'${nobody}' AS agent_uid, 1 AS epoch, 1 AS seq, 'made up' AS event_id${how === "" ? "" : `, ${how}`}`;

const ledgerFaults: readonly FaultKind[] = [
  inLedger("a row is deleted", deleted),
  inLedger("bytes are altered", changed("frame = replaceOne(frame, '1', '2')")),
  inLedger("bytes are cut", changed("frame = ''")),
  inLedger("an envelope is altered", changed("envelope = concat(envelope, ' ')")),
  inLedger("a hash is altered", changed("hash = reverse(hash)")),
  inLedger("what it follows is altered", changed("prev_hash = lower(hex(SHA256(prev_hash)))")),
  inLedger("a row is doubled under another event key", again("concat(event_id, 'x') AS event_id")),
  inLedger(
    "a newer version says something else",
    again("concat(frame, ' ') AS frame, stored + INTERVAL 1 SECOND AS stored"),
  ),
  inLedger("a whole chain is dropped", (row) => `ALTER TABLE ${table} DELETE WHERE ${row.split(" AND ")[0]}`),
  inLedger("a row is moved to another namespace", deleted, again("'team-x' AS namespace")),
  inLedger("a row is moved to another mission", deleted, again(`'${nobody}' AS mission_uid`)),
  inLedger("a row is moved to another day", deleted, again("day + INTERVAL 400 DAY AS day")),
  inLedger("a row is moved to another time", deleted, again("stored - INTERVAL 1 HOUR AS stored")),
  inLedger("a row is there on another day, too", again("toDate('2031-01-01') AS day")),
  inLedger("a row is there in another namespace, too", again("'team-x' AS namespace")),
  inLedger("a text is altered", changed("text = concat(text, '!')")),
  inLedger("the name of a mission is altered", changed("mission = 'another'")),
  inLedger("a time is altered", changed("observed = observed + INTERVAL 1 SECOND")),
  inLedger("a flag is added", changed("flags = arrayPushBack(flags, 'late')")),
  inLedger("a count is altered", changed("lines_added = lines_added + 1")),
  inLedger("a place is altered", changed("stream_seq = stream_seq + 1000000")),
  ...[
    ["a frame is there that the archive lacks", ""],
    ["one is there on a day without others", "toDate('2031-01-01') AS day"],
    ["one is there from before the archive", "toDateTime64('2001-01-01', 9, 'UTC') AS stored"],
    ["one is there from a time that is to come", "now64(9) + INTERVAL 1 DAY AS stored, 9000000000 AS stream_seq"],
    ["one is there behind the end of the stream", "now64(9) - INTERVAL 2 HOUR AS stored, 9000000000 AS stream_seq"],
  ].map(([name = "", how = ""]): FaultKind => ({ ...inLedger(name, again(madeUp(how))), store: "archive" })),
];

const keysOf = async ({ archive }: AuditedStores, prefix: string): Promise<string[]> => archive.keys(prefix);

const bytesOf = async ({ archive }: AuditedStores, key: string): Promise<Buffer> => {
  const bytes = await readObject(archive.client, key);
  if (bytes === undefined) throw new Error(`${key} is not there`);
  return bytes;
};

const put = ({ archive }: AuditedStores, key: string, bytes: Uint8Array): Promise<void> =>
  archive.client.put(key, bytes, bytes.length);

/** Changes objects, of which some are gone afterwards; they are put back as they were. */
const inArchive = (
  name: string,
  prefix: string,
  change: (all: ReadonlyMap<string, Buffer>, random: Random) => ReadonlyMap<string, Uint8Array | undefined>,
): FaultKind => ({
  name,
  store: "archive",
  plant: async (stores, random) => {
    const keys = await keysOf(stores, prefix);
    const all = new Map(await Promise.all(keys.map(async (key) => [key, await bytesOf(stores, key)] as const)));
    const changes = change(all, random);
    for (const [key, bytes] of changes)
      await (bytes === undefined ? stores.archive.client.delete(key) : put(stores, key, bytes));
    const takeBack = async (): Promise<void> => {
      for (const key of changes.keys()) await put(stores, key, all.get(key) ?? Buffer.of());
    };
    return { what: [...changes.keys()].join(", "), takeBack };
  },
});

const one =
  (change: (bytes: Buffer, random: Random) => Uint8Array | undefined) =>
  (all: ReadonlyMap<string, Buffer>, random: Random) => {
    const [key, bytes] = random.pick([...all]);
    return new Map([[key, change(Buffer.from(bytes), random)]]);
  };

const flipped = (bytes: Buffer, random: Random): Buffer => {
  const at = random.between(0, bytes.length - 1);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.between(0, 7));
  return bytes;
};

const swapped = (all: ReadonlyMap<string, Buffer>, random: Random) => {
  const [first, ...others] = [...all].toSorted(() => random.next() - 0.5);
  const [second] = others;
  if (first === undefined || second === undefined) throw new Error("there are too few files");
  return new Map([
    [first[0], second[1]],
    [second[0], first[1]],
  ]);
};

type Envelope = { payloadType: string; payload: string; signatures: Array<{ keyid: string; sig: string }> };

const envelopeOf = (bytes: Buffer): Envelope => JSON.parse(bytes.toString()) as Envelope;
const payloadOf = (bytes: Buffer): Buffer => Buffer.from(envelopeOf(bytes).payload, "base64");

/** Says something else, as somebody does who has the siphon's key: what is not signed at all is another fault. */
const alteredManifest = (bytes: Buffer, random: Random): Buffer => {
  const manifest = JSON.parse(payloadOf(bytes).toString()) as Record<string, unknown> & {
    cut: Record<string, unknown>;
  };
  const name = random.pick(["number", "rows", "bytes", "sha256", "previous", "cut"]);
  if (name === "cut") manifest.cut["to"] = Number(manifest.cut["to"]) + 1;
  else manifest[name] = typeof manifest[name] === "number" ? manifest[name] + 1 : "f".repeat(64);
  return Buffer.from(JSON.stringify({ ...envelopeOf(bytes), payload: btoa(JSON.stringify(manifest)) }));
};

/** The last manifest, which none behind it covers, is put in another way. */
const lastManifest =
  (change: (bytes: Buffer) => Uint8Array) =>
  (all: ReadonlyMap<string, Buffer>): ReadonlyMap<string, Uint8Array> => {
    const [key = "", bytes = Buffer.of()] = [...all].at(-1) ?? [];
    return new Map([[key, change(bytes)]]);
  };

const signedByStranger = (bytes: Buffer): Buffer => {
  const { payloadType } = envelopeOf(bytes);
  return Buffer.from(JSON.stringify(makeArchiveKey().signing.signer.sign(payloadType, payloadOf(bytes))));
};

const withOtherSignature = (bytes: Buffer): Buffer => {
  const envelope = envelopeOf(bytes);
  const signatures = envelope.signatures.map(({ keyid }) => ({ keyid, sig: Buffer.alloc(64, 1).toString("base64") }));
  return Buffer.from(JSON.stringify({ ...envelope, signatures }));
};

const archiveFaults: readonly FaultKind[] = [
  inArchive(
    "a file is deleted",
    filesPrefix,
    one(() => undefined),
  ),
  inArchive(
    "a file is truncated",
    filesPrefix,
    one((bytes, random) => bytes.subarray(0, random.between(0, bytes.length - 1))),
  ),
  inArchive("a bit of a file is flipped", filesPrefix, one(flipped)),
  inArchive("two files are swapped", filesPrefix, swapped),
  inArchive("a manifest is altered", manifestsPrefix, one(alteredManifest)),
  inArchive(
    "a manifest is deleted",
    manifestsPrefix,
    one(() => undefined),
  ),
  inArchive(
    "the chain of manifests is cut at its head",
    manifestsPrefix,
    (all, random) => new Map([...all.keys()].slice(-random.between(1, 3)).map((key) => [key, undefined])),
  ),
  inArchive("a manifest loses its signature", manifestsPrefix, lastManifest(payloadOf)),
  inArchive("a manifest is signed by a stranger", manifestsPrefix, lastManifest(signedByStranger)),
  inArchive("a signature is another", manifestsPrefix, lastManifest(withOtherSignature)),
];

type Edge = { from: string; to: string; type: string; properties: Record<string, unknown> };

const events = "MATCH (e:Event) RETURN e.key AS key ORDER BY key";
const things = "MATCH (n) WHERE n:File OR n:Agent OR n:Mission OR n:Commit OR n:Image RETURN n.key AS key ORDER BY key";
// Those that follow from one frame by itself.
const edges = `MATCH (a)-[r]->(b) WHERE NOT type(r) IN ["LED_TO", "IN", "TOLD", "DEPENDS_ON", "PART_OF"]
RETURN elementId(r) AS id ORDER BY r.event, type(r)`;

const pick = async (client: GraphClient, statement: string, random: Random, name: "key" | "id"): Promise<string> =>
  random.pick(await client.run<Record<string, string>>(statement))[name] ?? "";

const deleteNode = async (client: GraphClient, key: string): Promise<Planted> => {
  const [node] = await client.run<{ labels: string[]; properties: Record<string, unknown> }>(
    "MATCH (n {key: $key}) RETURN labels(n) AS labels, properties(n) AS properties",
    { key },
  );
  const ofNode = await client.run<Edge>(
    `MATCH (n {key: $key})-[r]-() WITH DISTINCT r
     RETURN startNode(r).key AS from, endNode(r).key AS to, type(r) AS type, properties(r) AS properties`,
    { key },
  );
  await client.run("MATCH (n {key: $key}) DETACH DELETE n", { key });
  const takeBack = async (): Promise<void> => {
    await client.run(`CREATE (n:${node?.labels.join(":")}) SET n = $properties`, { properties: node?.properties });
    for (const [type, rows] of Map.groupBy(ofNode, (edge) => edge.type))
      await client.run(
        `UNWIND $rows AS row MATCH (a {key: row.from}) MATCH (b {key: row.to})
         CREATE (a)-[r:${type}]->(b) SET r = row.properties`,
        { rows },
      );
  };
  return { what: key, takeBack };
};

const inGraph = (name: string, plant: (client: GraphClient, random: Random) => Promise<Planted>): FaultKind => ({
  name,
  store: "graph",
  plant: ({ graph }, random) => plant(graph.client, random),
});

const byId = "MATCH (a)-[r]->(b) WHERE elementId(r) = $id";

const graphFaults: readonly FaultKind[] = [
  inGraph("the node of a frame is deleted", async (client, random) =>
    deleteNode(client, await pick(client, events, random, "key")),
  ),
  inGraph("the node of a thing is deleted", async (client, random) =>
    deleteNode(client, await pick(client, things, random, "key")),
  ),
  inGraph("an edge is deleted", async (client, random) => {
    const id = await pick(client, edges, random, "id");
    const [edge] = await client.run<Edge>(
      `${byId} RETURN a.key AS from, b.key AS to, type(r) AS type, properties(r) AS properties`,
      { id },
    );
    await client.run(`${byId} DELETE r`, { id });
    const back = `MATCH (a {key: $from}) MATCH (b {key: $to}) CREATE (a)-[r:${edge?.type}]->(b) SET r = $properties`;
    return { what: JSON.stringify(edge), takeBack: async () => void (await client.run(back, { ...edge })) };
  }),
  inGraph("an edge is doubled", async (client, random) => {
    const id = await pick(client, edges, random, "id");
    const [edge] = await client.run<{ type: string }>(`${byId} RETURN type(r) AS type`, { id });
    const copied = `${byId} CREATE (a)-[c:${edge?.type}]->(b) SET c = properties(r) RETURN elementId(c) AS id`;
    const [copy] = await client.run<{ id: string }>(copied, { id });
    return { what: id, takeBack: async () => void (await client.run(`${byId} DELETE r`, { id: copy?.id })) };
  }),
  inGraph("the hash of a node is altered", async (client, random) => {
    const key = await pick(client, events, random, "key");
    await client.run("MATCH (e:Event {key: $key}) SET e.hash = reverse(e.hash)", { key });
    const takeBack = async (): Promise<void> =>
      void (await client.run("MATCH (e:Event {key: $key}) SET e.hash = reverse(e.hash)", { key }));
    return { what: key, takeBack };
  }),
  inGraph("a node is another kind of frame's", async (client, random) => {
    const key = await pick(client, "MATCH (e:Decision) RETURN e.key AS key ORDER BY key", random, "key");
    await client.run("MATCH (e:Event {key: $key}) REMOVE e:Decision SET e:Message", { key });
    const takeBack = async (): Promise<void> =>
      void (await client.run("MATCH (e:Event {key: $key}) REMOVE e:Message SET e:Decision", { key }));
    return { what: key, takeBack };
  }),
  inGraph("a node is there that no frame made", async (client, random) => {
    const key = await pick(client, events, random, "key");
    const made = `MATCH (e:Event {key: $key}) WITH e{.*, key: e.key + "x", seq: e.seq + 1000000} AS given
CREATE (n:Event:Change) SET n = given`;
    await client.run(made, { key });
    const takeBack = async (): Promise<void> =>
      void (await client.run("MATCH (e:Event {key: $key}) DELETE e", { key: `${key}x` }));
    return { what: key, takeBack };
  }),
  inGraph("a frame's node is there in another namespace, too", async (client, random) => {
    const ofTeam = 'MATCH (e:Event {namespace: "team-a"}) RETURN e.key AS key ORDER BY key';
    const key = await pick(client, ofTeam, random, "key");
    const copy = key.replace("team-a", "team-x");
    const made = `MATCH (e:Event {key: $key}) WITH e{.*, key: $copy, namespace: "team-x"} AS given
CREATE (n:Event:Change) SET n = given`;
    await client.run(made, { key, copy });
    const takeBack = async (): Promise<void> =>
      void (await client.run("MATCH (e:Event {key: $copy}) DELETE e", { copy }));
    return { what: copy, takeBack };
  }),
];

/** A word of a node, which is put back as it was. */
const alterWord = (name: string, of: string, word: string): FaultKind =>
  inGraph(name, async (client, random) => {
    const key = await pick(client, `MATCH (n:${of}) RETURN n.key AS key ORDER BY key`, random, "key");
    const [was] = await client.run<{ word: unknown }>(`MATCH (n:${of} {key: $key}) RETURN n.${word} AS word`, { key });
    const set = `MATCH (n:${of} {key: $key}) SET n.${word} = $word`;
    await client.run(set, { key, word: "another" });
    return { what: key, takeBack: async () => void (await client.run(set, { key, word: was?.word })) };
  });

/** An edge between two nodes that a statement finds and makes as \`r\`. */
const inventEdge = (name: string, statement: string): FaultKind =>
  inGraph(name, async (client, random) => {
    const skip = random.between(0, 20);
    const [made] = await client.run<{ id: string }>(`${statement} RETURN elementId(r) AS id`, { skip });
    if (made === undefined) throw new Error(`nothing to plant: ${name}`);
    return { what: made.id, takeBack: async () => void (await client.run(`${byId} DELETE r`, { id: made.id })) };
  });

/** One of what a pattern finds, in the order of a node's keys. */
const some = (pattern: string, by: string): string =>
  `MATCH ${pattern} WITH * ORDER BY ${by}.key SKIP toInteger($skip) LIMIT 1`;

const graphWords: readonly FaultKind[] = [
  alterWord("the words of a decision are altered", "Decision", "reasoning"),
  alterWord("the file of a change is altered", "Change", "path"),
  alterWord("a node says more than its frame", "Message", "more"),
  alterWord("the path of a file is altered", "File", "path"),
  alterWord("the name of a mission is altered", "Mission", "name"),
  inventEdge(
    "another agent decided",
    `${some("(:Agent)-[:DECIDED]->(d:Decision)", "d")} MATCH (a:Agent) WHERE a.key <> d.agent WITH d, a LIMIT 1
     CREATE (a)-[r:DECIDED]->(d) SET r.event = d.key`,
  ),
  inventEdge(
    "a change proposes a commit",
    `${some("(c:Change)", "c")} MATCH (k:Commit) WITH c, k LIMIT 1 CREATE (c)-[r:PROPOSES]->(k) SET r.event = c.key`,
  ),
  inventEdge(
    "an agent modified a file by a decision",
    `${some("(a:Agent)-[:DECIDED]->(d:Decision)", "d")} MATCH (f:File) WITH d, a, f LIMIT 1
     CREATE (a)-[r:MODIFIED]->(f) SET r.event = d.key`,
  ),
  inventEdge(
    "a file depends on another by nobody's word",
    `MATCH (f:File) MATCH (g:File) WHERE f <> g WITH f, g ORDER BY f.key, g.key LIMIT 1 CREATE (f)-[r:DEPENDS_ON]->(g)`,
  ),
  inventEdge(
    "an agent ran another image",
    `MATCH (a:Agent)-[o:RAN]->(i:Image) MATCH (l:Lifecycle {key: o.event}) MATCH (j:Image) WHERE j <> i
     WITH l, a, j ORDER BY l.key, j.key LIMIT 1 CREATE (a)-[r:RAN]->(j) SET r.event = l.key`,
  ),
  inventEdge(
    "a message was told to another",
    `${some("(a:Agent)-[:SENT]->(m:Message)", "m")} MATCH (b:Agent) WHERE b <> a AND coalesce(b.name, "") <> m.to
     WITH m, a, b LIMIT 1 CREATE (a)-[r:TOLD]->(b) SET r.event = m.key`,
  ),
];

/** Every kind of fault. */
export const faultKinds: readonly FaultKind[] = [...ledgerFaults, ...archiveFaults, ...graphFaults, ...graphWords];
