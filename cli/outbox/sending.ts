import type { RecorderIdentity } from "#nervous-system/recorder/compose.ts";
import { createProgress, type Host } from "../host.ts";
import type { ServerSettings } from "../server/settings.ts";
import type { Taken } from "./count-taken.ts";
import type { Exporting } from "./exporting.ts";
import { createLeftover, outboxOf, removeLeftover, type Leftover } from "./outbox.ts";
import { openOutgoingLog, type OutgoingLog } from "./outgoing-log.ts";

/** What became of a chain: what the collector said of it, and the last seq that it is known to hold; all of it where nothing is left. */
export type Arrived = Taken & { readonly upTo: number };

/** A run's frames on their way to the collector. */
export type Sending = {
  log: Pick<OutgoingLog, "append">;
  /** Begins to connect; frames wait in the log until then. */
  begin(): void;
  passSpans(request: Buffer): void;
  passMetrics(request: Buffer): void;
  /** Sends for at most `limitMs` more; answers what is left to tell. */
  finish(limitMs: number): Promise<string | undefined>;
  /** What became of the frames once that is over; undefined before. */
  arrived(): Arrived | undefined;
};

const STEP_MS = 200;
const SPANS_MS = 500;

class OutboxSending implements Sending {
  readonly log: OutgoingLog;
  private readonly host: Host;
  private readonly server: ServerSettings;
  private readonly leftover: Leftover;
  private exporting: Promise<Exporting> | undefined;
  private end: Arrived | undefined;

  constructor(host: Host, server: ServerSettings, { leftover, log }: { leftover: Leftover; log: OutgoingLog }) {
    this.host = host;
    this.server = server;
    this.leftover = leftover;
    this.log = log;
  }

  begin(): void {
    void this.start();
  }

  passSpans(request: Buffer): void {
    void this.start().then((exporting) => exporting.passSpans(request));
  }

  passMetrics(request: Buffer): void {
    void this.start().then((exporting) => exporting.passMetrics(request));
  }

  async finish(limitMs: number): Promise<string | undefined> {
    const exporting = await this.start();
    const isWhole = await this.drain(exporting, limitMs);
    const [{ written, stored }, failure] = [exporting.marks(), exporting.failure()];
    this.end = { ...exporting.taken(), upTo: isWhole ? Infinity : stored };
    await exporting.close(isWhole ? SPANS_MS : 0);
    const ended = this.log.ended();
    await this.log.close();
    if (isWhole) await removeLeftover(this.leftover).catch(() => undefined); // the next push looks again
    const { explainFailure } = await import("../server/connect.ts");
    const why = failure === undefined ? "there was no time left" : explainFailure(failure, this.server);
    const lines = [
      ...(ended === undefined ? [] : [`enchanted: the end of this run is in the file only: ${ended}`]),
      ...(isWhole
        ? []
        : [
            `enchanted: ${written - stored} frame(s) are not at the collector: ${why}; they wait in ${this.leftover.directory} for: enchanted push`,
          ]),
    ];
    return lines.length === 0 ? undefined : lines.join("\n");
  }

  arrived(): Arrived | undefined {
    return this.end;
  }

  /** What sends is loaded only now, so that the program has not waited for it. */
  private start(): Promise<Exporting> {
    const { host, server, leftover, log } = this;
    this.exporting ??= import("./exporting.ts").then(({ startExporting }) =>
      startExporting({ host, server, leftover, log }),
    );
    return this.exporting;
  }

  private async drain(exporting: Exporting, limitMs: number): Promise<boolean> {
    const { clock } = this.host;
    const { isRefusal } = await import("../server/connect.ts");
    const progress = createProgress(this.host);
    const until = clock.monotonicMs() + limitMs;
    let isOver = false;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const)
      this.host.onSignal(signal, () => (isOver = true));
    for (;;) {
      const left = until - clock.monotonicMs();
      if (await exporting.drain(Math.max(0, Math.min(STEP_MS, left)))) break;
      const failure = exporting.failure();
      if (isOver || left <= 0 || (failure !== undefined && isRefusal(failure))) break;
      const { written, stored } = exporting.marks();
      progress.show(`enchanted: ${stored} of ${written} frames sent; Ctrl-C leaves the rest for: enchanted push`);
    }
    progress.clear();
    return exporting.drain(0);
  }
}

/** Opens the log of a run; without one the run is recorded in its file all the same, and the user hears of it. */
export const openSending = async (
  host: Host,
  server: ServerSettings,
  identity: RecorderIdentity,
): Promise<Sending | undefined> => {
  const outbox = outboxOf(host);
  const run = {
    agent_uid: identity.agent_uid,
    agent_id: identity.agentId,
    namespace: identity.namespace,
    collector: server.address,
  };
  try {
    const leftover = await createLeftover(outbox, run);
    return new OutboxSending(host, server, { leftover, log: await openOutgoingLog(host, leftover.directory) });
  } catch (error) {
    const remedy = "set XDG_STATE_HOME to a writable directory";
    host.warn(`enchanted: nothing is sent: ${outbox}: ${(error as Error).message}; ${remedy}`);
    return undefined;
  }
};
