import { assertNever } from "#nervous-system/kernel/outcome.ts";
import type { AuditState, LetterHead, RecordStateResponse, SinkState } from "#nervous-system/schemas/gen/context_pb.ts";
import { troubleKinds, type TroubleKind } from "#nervous-system/schemas/part-states.ts";
import type { Finding } from "../doctor.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A siphon says how it is every half minute, an auditor each minute. */
const SILENT_MS = 2 * MINUTE;
/** As the alerts EnchantedRecordLags and EnchantedRecordNotAudited. */
const LAG_MS = 10 * MINUTE;
const NOT_AUDITED_MS = 15 * MINUTE;
/** Letters that are older are told, and nobody has to act any more: they stay until newer ones push them out. */
const FRESH_MS = DAY;
const TELL_LETTERS = 3;

const standsRunbook = "docs/runbooks/store-stands.md";
const lettersRunbook = "docs/runbooks/dead-letters.md";
const differsRunbook = "docs/runbooks/record-differs.md";

/** A time as people say it. */
const span = (ms: bigint): string => {
  const time = Number(ms);
  if (time < 2 * MINUTE) return `${Math.round(time / SECOND)} s`;
  if (time < 2 * HOUR) return `${Math.round(time / MINUTE)} min`;
  return time < 2 * DAY ? `${Math.round(time / HOUR)} h` : `${Math.round(time / DAY)} days`;
};

type Words = { readonly why: string; readonly todo: string };

const wordsOf = (kind: TroubleKind): Words => {
  switch (kind) {
    case "starting":
      return { why: "was not started yet", todo: "wait, then look at the siphon's log" };
    case "away":
      return { why: "its store does not answer", todo: "look whether the store runs and is reached from the siphon" };
    case "foreign":
      return {
        why: "somebody else answers for its store",
        todo: "look at the store's URL and at what stands before it",
      };
    case "schema":
      return { why: "its store is not what was prepared", todo: "undo what somebody changed there" };
    case "full":
      return { why: "its store's disk is full", todo: "give the store's disk room" };
    case "broken":
      return { why: "its store gave up, as on a full disk", todo: "give its disk room, and start the store anew" };
    case "access":
      return { why: "its store does not let the siphon in", todo: "look at its user, password and rights" };
    case "other":
      return { why: "its store does not take the frames", todo: "look at the siphon's log" };
    default:
      return assertNever(kind);
  }
};

const kindOf = (text: string): TroubleKind => troubleKinds.find((kind) => kind === text) ?? "other";

const behindOf = ({ behind, lagMs }: SinkState): string =>
  behind === 0n
    ? "its store holds all of the stream"
    : `its store lacks ${behind} message(s) of the stream, the oldest ${span(lagMs)} old`;

/** One sink, as far as the siphon was heard of lately. */
const ofSink = (sink: SinkState): Finding => {
  const { name: check, trouble, reason, standingMs, lagMs } = sink;
  const behind = behindOf(sink);
  if (trouble === "" && lagMs < LAG_MS) return { check, ok: true, detail: `runs; ${behind}` };
  if (trouble === "") {
    const remedy = `the store is slow, or the siphon has too little of the processor: ${standsRunbook}`;
    return { check, ok: false, detail: `runs, too slowly; ${behind}`, remedy };
  }
  const { why, todo } = wordsOf(kindOf(trouble));
  const said = reason === "" ? "" : ` (${reason})`;
  const detail = `stands for ${span(standingMs)}: ${why}${said}; ${behind}`;
  return { check, ok: false, detail, remedy: `nothing is lost, the stream keeps it; ${todo}: ${standsRunbook}` };
};

const ofSilentSink = (sink: SinkState): Finding => {
  const ok = sink.lagMs < LAG_MS;
  const remedy = `see the siphon's finding: ${standsRunbook}`;
  return { check: sink.name, ok, detail: `is not told of; ${behindOf(sink)}`, ...(ok ? {} : { remedy }) };
};

const logOf = (part: string): string =>
  `look at its log: kubectl --namespace enchanted-system logs deployment/enchanted-${part}`;

const ofSiphon = (toldMs: bigint | undefined): Finding => {
  const detail =
    toldMs === undefined ? "never said how its sinks are" : `last said ${span(toldMs)} ago how its sinks are`;
  return {
    check: "siphon",
    ok: false,
    detail: `${detail}: it does not run, or does not reach NATS`,
    remedy: logOf("siphon"),
  };
};

const letterOf = ({ namespace, agentUid, frame, reason }: LetterHead, sink: string, isWhole: boolean): string => {
  const where = frame === "" ? "what is no frame" : `frame ${agentUid}/${frame}`;
  return `${sink} ${where}${isWhole ? ` of namespace ${namespace}` : ""} (${reason})`;
};

/** What sinks could never take. */
const ofLetters = (sinks: readonly SinkState[], isWhole: boolean): Finding => {
  const check = "letters";
  const counts = sinks.filter(({ letters }) => letters > 0n).map(({ name, letters }) => `${letters} of ${name}`);
  if (counts.length === 0) return { check, ok: true, detail: "no sink has a dead letter" };
  const all = sinks
    .flatMap(({ name, newestLetters }) => newestLetters.map((letter) => ({ name, letter })))
    .toSorted((a, b) => Number(a.letter.ageMs - b.letter.ageMs));
  const told = all.slice(0, TELL_LETTERS).map(({ name, letter }) => letterOf(letter, name, isWhole));
  const detail = `${counts.join(", ")}; the newest: ${told.join("; ")}`;
  const newestMs = all[0]?.letter.ageMs ?? 0n;
  if (newestMs >= FRESH_MS) return { check, ok: true, detail: `${detail}; none for ${span(newestMs)}` };
  return {
    check,
    ok: false,
    detail,
    remedy: `the other stores have these frames; see and fill them in: ${lettersRunbook}`,
  };
};

const roundsOf = ({ walks }: AuditState): string =>
  walks.map(({ name, roundMs }) => `${name} ${roundMs === undefined ? "never" : `${span(roundMs)} ago`}`).join(", ");

/** What the auditor last found, and how old that is. */
const ofAuditor = (audit: AuditState | undefined): Finding => {
  const check = "auditor";
  if (audit === undefined) return { check, ok: false, detail: "never said anything", remedy: logOf("auditor") };
  const held = audit.faults.filter(({ kind }) => kind === "held");
  const faults = audit.faults
    .filter(({ kind }) => kind !== "held")
    .map(({ store, kind, frames }) => `${store} ${kind} ${frames}`);
  const found =
    faults.length === 0 ? "found nothing that differs" : `found that the record differs: ${faults.join(", ")}`;
  // As it was ordered, though not done yet.
  const locked = held.length === 0 ? "" : `, and what was erased is still locked in the archive`;
  const detail = `${found}${locked}; last rounds: ${roundsOf(audit)}`;
  if (faults.length > 0) return { check, ok: false, detail, remedy: differsRunbook };
  if (audit.toldMs >= SILENT_MS) {
    return { check, ok: false, detail: `said nothing for ${span(audit.toldMs)}; ${detail}`, remedy: logOf("auditor") };
  }
  const troubles = [audit, ...audit.walks].map(({ trouble }) => trouble).filter((trouble) => trouble !== "");
  const isOld = audit.walks.some(({ roundMs }) => roundMs === undefined || roundMs >= NOT_AUDITED_MS);
  if (!isOld) return { check, ok: true, detail };
  const why = troubles.length === 0 ? "" : ` (${troubles.join("; ")})`;
  return { check, ok: false, detail: `does not come to its rounds${why}; ${detail}`, remedy: differsRunbook };
};

/** What a collector tells of the stores of the record, judged; without a clock, a store or a stream. */
export const judgeRecord = ({ sinks, siphonToldMs, audit, whole }: RecordStateResponse): Finding[] => {
  const isHeard = siphonToldMs !== undefined && siphonToldMs < SILENT_MS;
  return [
    ...(isHeard ? [] : [ofSiphon(siphonToldMs)]),
    ...sinks.map(isHeard ? ofSink : ofSilentSink),
    ofLetters(sinks, whole),
    ofAuditor(audit),
  ];
};
