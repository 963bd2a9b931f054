import type { Log } from "#nervous-system/kernel/log.ts";
import {
  faultKinds,
  findingId,
  remedyOf,
  type AuditedStore,
  type FaultKind,
  type Finding,
} from "#pipeline/auditor/finding.ts";
import type { AuditorMetrics } from "#pipeline/auditor/measure.ts";

/** Everything that is found and not mended, each told once. */
export type FindingsBoard = {
  /** Puts what was found of a unit in the place of what was known of it. */
  replace(unit: string, findings: readonly Finding[]): void;
  /** Whether anything is found of a unit. */
  has(unit: string): boolean;
  /** How many frames are in doubt, by store and kind. */
  faults(): ReadonlyArray<{ readonly store: AuditedStore; readonly kind: FaultKind; readonly frames: number }>;
  /** Brings the metrics up to date, and answers how many frames are in doubt. */
  measure(): number;
};

/** Units of which findings are told, and how many of one by name: a store that is empty must not fill memory and log. All are counted. */
const MAX_UNITS = 10_000;
const MAX_TOLD = 100;

type Kept = { readonly told: ReadonlySet<string>; readonly sums: ReadonlyMap<string, number> };

const sumsOf = (findings: readonly Finding[]): Map<string, number> => {
  const sums = new Map<string, number>();
  for (const { store, kind, frames } of findings) {
    const key = `${store} ${kind}`;
    sums.set(key, (sums.get(key) ?? 0) + frames);
  }
  return sums;
};

/** Creates a board without findings; `stores` are those that are audited. */
export const createFindingsBoard = (
  { recordGap, recordDuplicates, recordFaults }: AuditorMetrics,
  stores: readonly AuditedStore[],
  log: Log,
): FindingsBoard => {
  const units = new Map<string, Kept>();

  const sumOf = (key: string): number => [...units.values()].reduce((sum, { sums }) => sum + (sums.get(key) ?? 0), 0);

  const faults: FindingsBoard["faults"] = () =>
    stores.flatMap((store) => faultKinds.map((kind) => ({ store, kind, frames: sumOf(`${store} ${kind}`) })));

  const tell = (unit: string, finding: Finding): void => {
    const { store, kind, subject, place, frames, first } = finding;
    const fields = { unit, store, kind, subject, place, frames, first, remedy: remedyOf(finding) };
    log.error(fields, `the record differs: ${store} ${kind}`);
  };

  return {
    replace: (unit, findings) => {
      const known = units.get(unit)?.told ?? new Set<string>();
      const told = findings.slice(0, MAX_TOLD);
      const found = new Set(told.map(findingId));
      for (const id of known) if (!found.has(id)) log.info({ unit, finding: id }, "it is found no more");
      units.delete(unit);
      if (findings.length === 0) return;
      const sums = sumsOf(findings);
      if (units.size >= MAX_UNITS) {
        if (units.size === MAX_UNITS)
          log.error({ units: MAX_UNITS }, "more differs than is told; the metrics count all of it");
        units.set(unit, { told: new Set(), sums });
        return;
      }
      for (const finding of told) if (!known.has(findingId(finding))) tell(unit, finding);
      units.set(unit, { told: found, sums });
    },
    has: (unit) => units.has(unit),
    faults,
    measure: () => {
      let total = 0;
      for (const { store, kind, frames } of faults()) {
        recordFaults.set({ store, kind }, frames);
        if (kind === "missing") recordGap.set({ store }, frames);
        if (kind === "doubled") recordDuplicates.set({ store }, frames);
        total += frames;
      }
      return total;
    },
  };
};
