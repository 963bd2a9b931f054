import type { Envelope } from "#nervous-system/schemas/envelope.ts";

// RFC 8785 leaves one way to write an envelope: its members in the order of their names, no space, integers without
// a leading zero, plain ASCII texts without escapes. Everything that the schema demands of such a text can be said by
// one regular expression, which costs a tenth of parsing, checking and writing it again to compare.
const UID = "([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})";
const COUNT = "(0|[1-9][0-9]{0,14})";
const text = (least: number, most: number): string => `"([ !#-\\[\\]-~]{${least},${most}})"`;
const optional = (member: string): string => `(?:${member})?`;

/** What may stand in the two lists of names that the schema knows. */
export type EnvelopeNames = {
  readonly producers: readonly string[];
  readonly recorders: readonly string[];
  readonly flags: readonly string[];
  readonly typePattern: RegExp;
};

const patternOf = ({ producers, recorders, flags, typePattern }: EnvelopeNames): RegExp => {
  const flag = `"(?:${flags.join("|")})"`;
  const members = [
    `\\{${optional(`"about":\\{"agent_uid":"${UID}","epoch":${COUNT}\\},`)}"agent_uid":"${UID}"`,
    `"epoch":${COUNT}`,
    `"event_id":${text(1, 128)}`,
    `"event_type":"(${typePattern.source.replace(/^\^|\$$/g, "")})"`,
    `${optional(`"flags":\\[((?:${flag}(?:,${flag}){0,${flags.length - 1}})?)\\],`)}"lineage":${COUNT}`,
    `"mission":${text(1, 253)}`,
    `"mission_uid":"${UID}"`,
    `"namespace":${text(1, 253)}`,
    `"observed":"(0|[1-9][0-9]{0,18})"`,
    `${optional(`"parent_event_id":${text(1, 128)},`)}${optional(`"persona":${text(0, 253)},`)}${optional('"persona_digest":"(sha256:[0-9a-f]{64})",')}"producer":"(${producers.join("|")})"`,
    `"recorder":"(${recorders.join("|")})"`,
    `"seq":${COUNT}${optional(',"span_id":"([0-9a-f]{16})"')}${optional(',"trace_id":"([0-9a-f]{32})"')}\\}`,
  ];
  return new RegExp(`^${members.join(",")}$`);
};

const flagsOf = (list: string): Envelope["flags"] =>
  (list === "" ? [] : list.slice(1, -1).split('","')) as Envelope["flags"];

const addOptional = (envelope: Envelope, found: RegExpExecArray): Envelope => {
  const [aboutUid, aboutEpoch, flags] = [found[1], found[2], found[7]];
  const [parent, persona, personaDigest] = [found[13], found[14], found[15]];
  const [span, trace] = [found[19], found[20]];
  if (aboutUid !== undefined) envelope.about = { agent_uid: aboutUid, epoch: Number(aboutEpoch) };
  if (flags !== undefined) envelope.flags = flagsOf(flags);
  if (parent !== undefined) envelope.parent_event_id = parent;
  if (persona !== undefined) envelope.persona = persona;
  if (personaDigest !== undefined) envelope.persona_digest = personaDigest;
  if (span !== undefined) envelope.span_id = span;
  if (trace !== undefined) envelope.trace_id = trace;
  return envelope;
};

/**
 * A reader of envelopes in the form that recorders write them. It answers undefined for whatever is not plainly
 * right; the schema then says whether it is wrong, and why.
 */
export const createExactReader = (names: EnvelopeNames): ((text: string) => Envelope | undefined) => {
  const pattern = patternOf(names);
  return (text) => {
    const found = pattern.exec(text);
    if (found === null) return undefined;
    const part = (index: number): string => found[index] as string;
    const [epoch, seq] = [Number(found[4]), Number(found[18])];
    const counts = [epoch, Number(found[2] ?? 0), Number(found[8])];
    if (seq === 0 || counts.some((count) => count > 0xffff_ffff)) return undefined;
    return addOptional(
      {
        agent_uid: part(3),
        epoch,
        event_id: part(5),
        event_type: part(6),
        lineage: Number(found[8]),
        mission: part(9),
        mission_uid: part(10),
        namespace: part(11),
        observed: part(12),
        producer: part(16) as Envelope["producer"],
        recorder: part(17) as Envelope["recorder"],
        seq,
      },
      found,
    );
  };
};
