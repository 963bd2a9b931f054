import { clone, create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { ToldState } from "#nervous-system/comms/nats/part-states.ts";
import type { StreamState } from "#nervous-system/comms/nats/stream-trim.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import {
  RecordStateResponseSchema,
  type AuditStateSchema,
  type RecordStateResponse,
  SinkStateSchema,
  type SinkState,
} from "#nervous-system/schemas/gen/context_pb.ts";
import { auditorState, siphonState, type SiphonState } from "#nervous-system/schemas/part-states.ts";
import { refusingSink } from "#nervous-system/schemas/subjects.ts";
import { readLagSeconds } from "#pipeline/auditor/lag.ts";

/** What reading the state of the record needs. */
export type RecordStateSources = {
  readonly bus: Pick<Bus, "partStates" | "readerProgress" | "streamState" | "storedMs" | "deadLetterHeads">;
  readonly clock: Pick<Clock, "now">;
  /** Sinks that are looked for where no siphon ever told of any. */
  readonly sinks: readonly string[];
};

const MOST_LETTERS = 20;

const ms = (age: number): bigint => BigInt(Math.max(0, Math.round(age)));

type Standing = { readonly trouble?: string; readonly reason?: string; readonly standingMs?: bigint };

type AskedSink = {
  readonly name: string;
  readonly standing: Standing;
  readonly namespace: string | undefined;
  readonly stream: StreamState;
};

/** Ages by the clock of whoever told them, and how long ago that was. */
const agesOf = ({ atMs }: { readonly atMs: number }, { storedMs }: ToldState, nowMs: number) => {
  const told = Math.max(0, nowMs - storedMs);
  return { told: ms(told), of: (timeMs: number): bigint => ms(atMs - timeMs + told) };
};

/** What the stream knows of one sink: how far its store is, and what it refused. */
const readSink = async (
  { bus, clock }: RecordStateSources,
  { name, standing, namespace, stream }: AskedSink,
): Promise<SinkState> => {
  const progress = (await bus.readerProgress(name)) ?? {
    finished: 0,
    behind: Math.max(0, stream.lastSeq - stream.firstSeq + 1),
  };
  const nowMs = clock.now();
  const lag =
    progress.behind === 0
      ? 0
      : await readLagSeconds({ state: stream, finished: progress.finished, storedMs: bus.storedMs, nowMs });
  const letters = await bus.deadLetterHeads({ refusedBy: refusingSink(name), namespace, most: MOST_LETTERS });
  return create(SinkStateSchema, {
    name,
    ...standing,
    behind: BigInt(progress.behind),
    lagMs: ms(lag * 1000),
    letters: BigInt(letters.count),
    newestLetters: letters.newest.map(({ storedMs, ...head }) => ({ ...head, ageMs: ms(nowMs - storedMs) })),
  });
};

const auditOf = (told: ToldState | undefined, nowMs: number): MessageInitShape<typeof AuditStateSchema> | undefined => {
  const state = auditorState.safeParse(told?.state).data;
  if (told === undefined || state === undefined) return undefined;
  const ages = agesOf(state, told, nowMs);
  return {
    toldMs: ages.told,
    walks: state.walks.map(({ name, roundMs, walkMs, trouble = "" }) => ({
      name,
      trouble,
      ...(roundMs === 0 ? {} : { roundMs: ages.of(roundMs) }),
      ...(walkMs === 0 ? {} : { walkMs: ages.of(walkMs) }),
    })),
    faults: state.faults.map(({ frames, ...fault }) => ({ ...fault, frames: BigInt(frames) })),
    trouble: state.trouble ?? "",
  };
};

type Told = { readonly state: SiphonState; readonly ages: ReturnType<typeof agesOf> };

const siphonOf = (told: ToldState | undefined, nowMs: number): Told | undefined => {
  const state = siphonState.safeParse(told?.state).data;
  return told === undefined || state === undefined ? undefined : { state, ages: agesOf(state, told, nowMs) };
};

/** Why each sink stands, by its name; without a siphon nobody knows, and the given sinks are looked for. */
const sinksOf = (siphon: Told | undefined, sinks: readonly string[]): ReadonlyMap<string, Standing> => {
  if (siphon === undefined) return new Map(sinks.map((name) => [name, {}]));
  const { state, ages } = siphon;
  const standing = (trouble: SiphonState["sinks"][number]["trouble"]) =>
    trouble && { trouble: trouble.kind, reason: trouble.reason, standingMs: ages.of(trouble.sinceMs) };
  return new Map(state.sinks.map(({ name, trouble }) => [name, { ...standing(trouble) }]));
};

/** Reads how the stores of the record keep up; letters of one namespace, or of all where none is named. */
export const readRecordState = async (
  sources: RecordStateSources,
  namespace: string | undefined,
): Promise<RecordStateResponse> => {
  const { bus, clock } = sources;
  const [siphonTold, auditorTold] = [await bus.partStates.read("siphon"), await bus.partStates.read("auditor")];
  const stream = await bus.streamState();
  const siphon = siphonOf(siphonTold, clock.now());
  const audit = auditOf(auditorTold, clock.now());
  const sinks: SinkState[] = [];
  for (const [name, standing] of sinksOf(siphon, sources.sinks))
    sinks.push(await readSink(sources, { name, standing, namespace, stream }));
  return create(RecordStateResponseSchema, {
    sinks,
    whole: namespace === undefined,
    ...(siphon === undefined ? {} : { siphonToldMs: siphon.ages.told }),
    ...(audit === undefined ? {} : { audit }),
  });
};

/** What a tenant hears instead of words. */
const UNSAID = "the release's namespace is told why";

/** The same without words of stores, which may speak of others: what a tenant may know. */
export const withoutWords = (whole: RecordStateResponse): RecordStateResponse => {
  const state = clone(RecordStateResponseSchema, whole);
  for (const sink of state.sinks) sink.reason = "";
  const { audit } = state;
  if (audit === undefined) return state;
  for (const told of [audit, ...audit.walks]) if (told.trouble !== "") told.trouble = UNSAID;
  return state;
};
