import type { Disk, DiskFile } from "./disk.ts";
import { parseSegmentNames, type SegmentName, scanSegment, type ScanStep } from "./segment.ts";
import type { LiveSegment } from "./writer.ts";

/** What an opened directory holds. */
export type Recovered = {
  segments: LiveSegment[];
  /** The highest generation used so far. */
  generation: number;
  last: { index: number; payload: Buffer } | undefined;
  /** The first index that was surely never given out. */
  next: number;
};

type Survey = { last: { index: number; payload: Buffer } | undefined; next: number; bytes: number };

type SurveyLimits = { last: number; cut: boolean };

/** Takes one step of a scan into the survey. */
const observe = async (survey: Survey, step: ScanStep, file: DiskFile, limits: SurveyLimits): Promise<void> => {
  if (step.kind === "tail") {
    survey.next = Math.max(survey.next, step.lostTo + 1);
    if (!limits.cut || step.why !== "torn") return;
    await file.truncate(step.offset);
    survey.bytes = step.offset;
    return;
  }
  survey.next = (step.kind === "record" ? step.index : step.to) + 1;
  if (step.kind === "record" && step.index <= limits.last) {
    survey.last = { index: step.index, payload: Buffer.from(step.payload) };
  }
};

/** Walks one segment to its end; with `cut`, what a crash tore off there is removed. */
const surveySegment = async (disk: Disk, path: string, name: SegmentName, limits: SurveyLimits): Promise<Survey> => {
  const file = await disk.open(path);
  try {
    const size = await file.size();
    const survey: Survey = { last: undefined, next: name.first, bytes: size };
    const segment = { file, salt: name.salt, end: size };
    for await (const step of scanSegment(segment, { offset: 0, expected: name.first })) {
      await observe(survey, step, file, limits);
    }
    // A killed process may have left what it wrote in the machine's memory only; from now on it counts as written.
    if (limits.cut) await file.sync();
    return survey;
  } finally {
    await file.close();
  }
};

const sizeOf = async (disk: Disk, path: string): Promise<number> => {
  const file = await disk.open(path);
  try {
    return await file.size();
  } finally {
    await file.close();
  }
};

/**
 * Finds the end of the log. `known` is an index that was surely given out (cursor or mark): if the records end before it,
 * they were lost, and the next index leaves their place empty, so that a reader reports the gap, now and after every restart.
 */
export const recoverSegments = async (disk: Disk, directory: string, known: number): Promise<Recovered> => {
  const names = parseSegmentNames(await disk.list(directory));
  const segments: LiveSegment[] = [];
  for (const name of names) segments.push({ ...name, bytes: await sizeOf(disk, `${directory}/${name.file}`) });
  let next = known + 1;
  let last: Recovered["last"];
  for (let at = segments.length - 1; at >= 0 && last === undefined; at -= 1) {
    const segment = segments[at] as LiveSegment;
    const isNewest = at === segments.length - 1;
    const end = isNewest ? Number.MAX_SAFE_INTEGER : (segments[at + 1] as LiveSegment).first - 1;
    const survey = await surveySegment(disk, `${directory}/${segment.file}`, segment, { last: end, cut: isNewest });
    segment.bytes = survey.bytes;
    if (isNewest) next = Math.max(next, survey.next);
    last = survey.last;
  }
  const generation = segments.at(-1)?.generation ?? 0;
  const empty = segments.at(-1);
  if (empty?.bytes === 0) {
    await disk.unlink(`${directory}/${empty.file}`);
    segments.pop();
  }
  return { segments, generation, last, next };
};
