import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { noMission } from "#nervous-system/schemas/ids.ts";
import { never, type MemoryProperties } from "#nervous-system/stores/weaviate/memory-collections.ts";
import { isBefore, type Moment } from "#pipeline/siphon/moment.ts";

/** What may be said of a lesson. */
export type MarkState = "accepted" | "retired";

/** One word about a lesson: what, when, and by whom. */
export type Mark = { readonly state: MarkState; readonly at: Moment; readonly by: string };

/** The lesson's part that marks bear on. */
type Marked = Pick<
  MemoryProperties,
  "mission_uid" | "agent_uid" | "accepted_place" | "retired_place" | "told_events" | "told_at" | "marks"
>;

/** Of each state so many are kept, the earliest: more than ever decide. */
const MOST_OF_STATE = 4;
/** So many missions beside its own have to say that a lesson is wrong. */
const OTHERS_TO_RETIRE = 2;

/** Whose a lesson or a word about one is: its mission's, since an agent of it knows no more than the others; of none, the agent's. */
export const ownerOf = ({ mission_uid, agent_uid }: Pick<Envelope, "mission_uid" | "agent_uid">): string =>
  mission_uid === noMission ? agent_uid : mission_uid;

const textOf = ({ state, at: { stream, place }, by }: Mark): string => JSON.stringify([state, stream, place, by]);

const markOf = (text: string): Mark => {
  const [state, stream, place, by] = JSON.parse(text) as [MarkState, string, number, string];
  return { state, at: { stream, place }, by };
};

const earliestFirst = (a: Mark, b: Mark): number => (isBefore(a.at, b.at) ? -1 : Number(isBefore(b.at, a.at)));

/** Whoever told the same words before is no other voice. */
const tellersBefore = ({ told_at }: Marked, at: Moment): string[] =>
  told_at.flatMap((text) => {
    const [stream, place, by] = JSON.parse(text) as [string, number, string];
    return isBefore({ stream, place }, at) ? [by] : [];
  });

/** Whether a word counts at all: a mission may take back what is its own, and confirm nothing that it told. */
const counts = (lesson: Marked, { state, at, by }: Mark): boolean =>
  state === "retired" || (by !== ownerOf(lesson) && !tellersBefore(lesson, at).includes(by));

// What an older siphon marked stands without its mark.
const marksOf = ({ marks, accepted_place, retired_place }: Marked): Mark[] => {
  const known = marks.map(markOf);
  const old = { accepted: accepted_place, retired: retired_place };
  const unsaid = (["accepted", "retired"] as const).filter(
    (state) => old[state] !== never && !known.some((mark) => mark.state === state),
  );
  return [...unsaid.map((state) => ({ state, at: { stream: "", place: old[state] }, by: "" })), ...known];
};

/** Of each who said it the first word, and of these the earliest. */
const keep = (marks: readonly Mark[]): Mark[] => {
  const byWhom = Map.groupBy(marks.toSorted(earliestFirst), ({ state, by }) => JSON.stringify([state, by]));
  const first = [...byWhom.values()].flatMap(([mark]) => mark ?? []).toSorted(earliestFirst);
  const of = (wanted: MarkState): Mark[] => first.filter(({ state }) => state === wanted).slice(0, MOST_OF_STATE);
  return [...of("accepted"), ...of("retired")];
};

const retiredAt = (lesson: Marked, marks: readonly Mark[]): number => {
  const own = marks.find(({ by }) => by === ownerOf(lesson) || by === "");
  const others = marks.filter(({ by }) => by !== ownerOf(lesson))[OTHERS_TO_RETIRE - 1];
  const [first] = [own, others].filter((mark) => mark !== undefined).toSorted(earliestFirst);
  return first?.at.place ?? never;
};

/**
 * A lesson after one more word about it. It is accepted from the first word of another mission on; it is retired from the first word
 * of its own mission on, or once two others have said so. The same words in any order, and again, come to the same.
 */
export const withMark = <L extends Marked>(lesson: L, mark: Mark): L => {
  if (!counts(lesson, mark)) return lesson;
  const kept = keep([...marksOf(lesson), mark]);
  const marks = kept.map(textOf);
  if (marks.join() === lesson.marks.join()) return lesson;
  return {
    ...lesson,
    marks,
    accepted_place: kept.find(({ state }) => state === "accepted")?.at.place ?? never,
    retired_place: retiredAt(
      lesson,
      kept.filter(({ state }) => state === "retired"),
    ),
  };
};
