import { parseTimestampNs } from "#nervous-system/schemas/timestamp.ts";
import { textAt, type Json } from "./fields.ts";

/** A line of a rollout, as far as it tells whose it is. */
type Line = { type: string; payload: Json; at: string | undefined };

/** Copies are written in one go; behind them the fork waits for a person or a model. */
const PAUSE_NS = 500_000_000n;

const timeOf = (at: string | undefined): bigint => (at === undefined ? undefined : parseTimestampNs(at)) ?? 0n;

/** The session that a `session_meta` is of. */
const sessionOf = (payload: Json): string | undefined => textAt(payload, "id") ?? textAt(payload, "session_id");

/**
 * Tells which lines of a rollout were copied from another session, and from which. Nothing in a copied line says so:
 *
 *     own ── session_meta of another session ──▶ copied ── session_meta of its own, or ──▶ own
 *                                                          copies with times of their own (older than the fork): a time
 *                                                          that is not; copies with times of the fork: a pause
 */
export class ForkWatch {
  private own: { session: string; parent: string | undefined; begunNs: bigint } | undefined;
  private copiedFrom: string | undefined;
  private hasOldTimes = false;
  private lastNs = 0n;

  /** The session that the next line was copied from; undefined where it is the session's own. */
  see({ type, payload, at }: Line): string | undefined {
    const ns = timeOf(at);
    if (type === "session_meta") this.meta(payload, ns);
    else if (this.copiedFrom !== undefined && this.isOwn(ns)) this.copiedFrom = undefined;
    if (ns > this.lastNs) this.lastNs = ns;
    return this.copiedFrom;
  }

  private meta(payload: Json, ns: bigint): void {
    const session = sessionOf(payload);
    if (session === undefined) return;
    this.own ??= { session, parent: textAt(payload, "forked_from_id"), begunNs: ns };
    if (session === this.own.session) this.copiedFrom = undefined;
    else if (this.copiedFrom === undefined) {
      this.copiedFrom = this.own.parent ?? session;
      this.hasOldTimes = ns < this.own.begunNs;
    }
  }

  private isOwn(ns: bigint): boolean {
    const begunNs = this.own?.begunNs ?? 0n;
    return this.hasOldTimes ? ns >= begunNs : ns > this.lastNs + PAUSE_NS;
  }
}
