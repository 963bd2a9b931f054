import * as z from "zod";

/** What the scanner finds wrong with one object, named `Kind.namespace.name`. */
export type Finding = { readonly check: string; readonly name: string; readonly resource: string };

/** A kind of finding that stays, and why: of every object, or of those whose names begin so. */
export type Exception = {
  readonly check: string;
  readonly resources?: readonly string[] | undefined;
  readonly reason: string;
};

const exceptions = z.array(
  z.strictObject({
    check: z.string().min(1),
    resources: z.array(z.string().min(1)).min(1).optional(),
    reason: z.string().min(20),
  }),
);

const report = z.object({
  summary: z.object({ passed: z.int().min(1), parsing_errors: z.literal(0) }),
  results: z.object({
    failed_checks: z.array(z.object({ check_id: z.string(), check_name: z.string(), resource: z.string() })),
  }),
});

/** Reads exceptions; throws where one has no reason. */
export const parseExceptions = (value: unknown): Exception[] => exceptions.parse(value);

/** Reads checkov's JSON; throws where it has looked at nothing, or could not read everything. */
export const parseFindings = (value: unknown): Finding[] =>
  report.parse(value).results.failed_checks.map((one) => ({
    check: one.check_id,
    name: one.check_name,
    resource: one.resource,
  }));

/** Every single thing that an exception excepts. */
const partsOf = ({ check, resources = [""] }: Exception): Array<{ check: string; beginning: string }> =>
  resources.map((beginning) => ({ check, beginning }));

/** What is wrong, a line each: findings without an exception, and exceptions without a finding. */
export const judgeFindings = (findings: readonly Finding[], excepted: readonly Exception[]): string[] => {
  const parts = excepted.flatMap(partsOf);
  const isOf = (finding: Finding, { check, beginning }: (typeof parts)[number]): boolean =>
    finding.check === check && finding.resource.startsWith(beginning);
  return [
    ...findings
      .filter((finding) => !parts.some((part) => isOf(finding, part)))
      .map(({ check, name, resource }) => `${check} ${resource}: ${name}`),
    ...parts
      .filter((part) => !findings.some((finding) => isOf(finding, part)))
      .map(({ check, beginning }) => `${check} ${beginning}: excepted, and not found any more`),
  ];
};
