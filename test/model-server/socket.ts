import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import * as z from "zod";
import { createMessageReader } from "#nervous-system/comms/websocket/message-reader.ts";
import { renderSocketFrame } from "#test/builders/socket-frame.ts";
import { play, waited, type ScenarioServerOptions } from "#test/model-server/play.ts";
import { responses } from "#test/model-server/protocols/responses.ts";

const maxMessageBytes = 32 * 1024 * 1024;
/** RFC 6455 1.3. */
const acceptanceSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const request = z.looseObject({
  type: z.string(),
  model: z.string().optional(),
  input: z.array(z.unknown()).optional(),
  previous_response_id: z.string().nullish(),
  generate: z.boolean().optional(),
});
type Request = z.infer<typeof request>;

const frame = (opcode: number, text: string): Buffer => renderSocketFrame({ opcode, body: Buffer.from(text) });

const [TEXT, CLOSE, PONG] = [1, 8, 10];

const accept = ({ headers }: IncomingMessage, socket: Duplex): void => {
  const key = `${headers["sec-websocket-key"]}${acceptanceSuffix}`;
  const accepted = createHash("sha1").update(key).digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accepted}\r\n\r\n`,
  );
};

/** A conversation over one socket: a request names the response that it goes on from and holds only what is new. */
class Conversation {
  private readonly options: ScenarioServerOptions;
  private readonly socket: Duplex;
  private readonly nameOf: (model: string) => string;
  private readonly said = new Map<string, readonly unknown[]>();

  constructor(options: ScenarioServerOptions, socket: Duplex, nameOf: (model: string) => string) {
    this.options = options;
    this.socket = socket;
    this.nameOf = nameOf;
  }

  async answer(asked: Request): Promise<void> {
    if (asked.type !== "response.create") return;
    const before = asked.previous_response_id ?? "";
    if (before !== "" && !this.said.has(before))
      return this.fail(400, "previous_response_not_found", `there is no response ${before}`);
    const input = [...(this.said.get(before) ?? []), ...(asked.input ?? [])];
    if (asked.generate === false) return this.warmUp(asked, input);
    const read = responses.read({ ...asked, input }, undefined);
    const played = play(this.options, this.nameOf(read.model), read);
    if (played.kind === "unplayed") return this.fail(played.status, played.type, played.message);
    if (played.kind === "fault") return void this.socket.destroy();
    if (!(await waited(this.options.clock, played.delayMs, this.socket))) return;
    for (const { data } of responses.stream(played.turn)) this.send(data);
    const { id, output } = responses.whole(played.turn) as { id: string; output: unknown[] };
    this.said.set(id, [...input, ...output]);
  }

  /** Only takes the beginning of a conversation, for the answer that will be asked for next. */
  private warmUp({ model = "" }: Request, input: readonly unknown[]): void {
    const { journal, clock } = this.options;
    journal.played(this.nameOf(model), -1);
    const created = Math.floor(clock.now() / 1000);
    const empty = { request: { model, messages: [] }, answer: { tools: [] }, turn: -1, id: "warm", created };
    for (const { data } of responses.stream(empty)) this.send(data);
    this.said.set("resp_warm", input);
  }

  private send(data: unknown): void {
    this.socket.write(frame(TEXT, JSON.stringify(data)));
  }

  private fail(status: number, code: string, message: string): void {
    this.send({ type: "error", status, error: { type: code, code, message } });
  }
}

/** Speaks OpenAI's responses over a WebSocket: `response.create` in, the events of a stream out, one response after another. */
export const serveSocket = (
  options: ScenarioServerOptions,
  incoming: IncomingMessage,
  socket: Duplex,
  nameOf: (model: string) => string,
): void => {
  const conversation = new Conversation(options, socket, nameOf);
  const reader = createMessageReader(maxMessageBytes);
  let last: Promise<unknown> = Promise.resolve();
  const answer = (text: string): void => {
    last = last
      .then(() => conversation.answer(request.parse(JSON.parse(text))))
      .catch((error: unknown) => {
        options.journal.failed({ scenario: "", turn: -1, problem: String(error) });
        socket.destroy();
      });
  };
  accept(incoming, socket);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    for (const { kind, text = "" } of reader.push(chunk)) {
      if (kind === "text") answer(text);
      if (kind === "ping") socket.write(frame(PONG, text));
      if (kind === "close") socket.end(frame(CLOSE, ""));
    }
  });
};
