import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { outliveClient } from "#pipeline/gateway/outlive-client.ts";

const watched = (over: Partial<ServerResponse> = {}) => {
  const client = Object.assign(new EventEmitter(), { destroyed: false, writableFinished: false, ...over });
  const clock = manualClock();
  const stop = new AbortController();
  const { signal, release } = outliveClient(client as unknown as ServerResponse, { clock, closing: stop.signal });
  return { client, clock, stop, signal, release };
};

describe("a call whose client went away", () => {
  it("goes on for half a minute and no longer", async () => {
    const { client, clock, signal } = watched();
    client.emit("close");
    await clock.advance(29_999);
    expect(signal.aborted).toBe(false);
    await clock.advance(1);
    expect(signal.aborted).toBe(true);
  });

  it("ends at once where the gateway stops, before or after", () => {
    const before = watched();
    before.client.emit("close");
    before.stop.abort();
    expect(before.signal.aborted).toBe(true);
    const after = watched();
    after.stop.abort();
    expect(after.signal.aborted).toBe(false);
    after.client.emit("close");
    expect(after.signal.aborted).toBe(true);
  });

  it("leaves nothing waiting once it has ended", async () => {
    const gone = watched({ destroyed: true });
    expect(gone.clock.pending()).toBe(1);
    gone.release();
    expect(gone.clock.pending()).toBe(0);
    const done = watched({ writableFinished: true });
    done.client.emit("close");
    expect(done.clock.pending()).toBe(0);
  });
});
