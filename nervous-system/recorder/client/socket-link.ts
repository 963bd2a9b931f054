import { createConnection } from "node:net";
import type { Answer, Connect } from "./send-queue.ts";

const parseAnswer = (text: string): Answer | undefined => {
  try {
    const { ok, reason } = JSON.parse(text) as { ok?: unknown; reason?: unknown };
    if (ok === true) return { ok };
    return ok === false ? { ok, reason: typeof reason === "string" ? reason : "no reason given" } : undefined;
  } catch {
    return undefined;
  }
};

/** Calls `onLine` for each whole line of a stream of texts. */
const lineReader = (onLine: (line: string) => void): ((chunk: string) => void) => {
  let rest = "";
  return (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  };
};

/** Connects to the scribe's unix socket. */
export const connectTo =
  (path: string): Connect =>
  ({ onOpen, onAnswer, onClosed }) => {
    const socket = createConnection(path);
    socket.setEncoding("utf8");
    socket.on(
      "data",
      lineReader((line) => {
        const answer = parseAnswer(line);
        // It may belong to any line: all of them are sent again.
        if (answer === undefined) socket.destroy();
        else if (!socket.destroyed) onAnswer(answer);
      }),
    );
    socket.once("connect", onOpen);
    socket.on("error", () => undefined); // "close" follows
    socket.once("close", onClosed);
    return {
      send: (line) => void socket.write(`${line}\n`),
      keepAlive: (isBusy) => void (isBusy ? socket.ref() : socket.unref()),
      close: () => void socket.destroy(),
    };
  };

/** Where there is no socket at all. */
export const connectNowhere: Connect = () => ({
  send: () => undefined,
  keepAlive: () => undefined,
  close: () => undefined,
});
