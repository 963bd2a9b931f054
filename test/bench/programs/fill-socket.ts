// R3, the agent's side of an outage: fills the scribe's log through its socket as fast as that acknowledges.
import { createConnection } from "node:net";
import { once } from "node:events";
import { tenMembers } from "../harness/frames.ts";
import { programSettings, report } from "../harness/program.ts";

const settings = programSettings() as { socket: string; frames: number; bytes: number };
const WINDOW = 2000;

const socket = createConnection(settings.socket);
await once(socket, "connect");
let [acknowledged, refused] = [0, 0];
let wake = (): void => {};
let rest = "";
socket.setEncoding("utf8").on("data", (text: string) => {
  const lines = (rest + text).split("\n");
  rest = lines.pop() ?? "";
  acknowledged += lines.length;
  refused += lines.filter((line) => !line.startsWith('{"ok":true')).length;
  wake();
});
const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise<void>((resolve) => (wake = resolve));
};
const started = performance.now();
for (let n = 0; n < settings.frames; n += 1) {
  await until(() => n - acknowledged < WINDOW);
  socket.write(`${JSON.stringify({ event_type: "THOUGHT", payload: tenMembers(n, settings.bytes) })}\n`);
}
await until(() => acknowledged === settings.frames);
socket.end();
if (refused > 0) throw new Error(`${refused} frames were refused`);
report({ perSecond: settings.frames / ((performance.now() - started) / 1000) });
