/** One answer of the scribe's socket. */
export type Answer = { ok: true } | { ok: false; reason: string };

/** One connection to a scribe's socket. */
type Link = {
  send(line: string): void;
  /** Whether the connection keeps the process alive. */
  keepAlive(isBusy: boolean): void;
  close(): void;
};

/** Opens a connection; every link is closed once, whether or not it ever opened. */
export type Connect = (events: { onOpen(): void; onAnswer(answer: Answer): void; onClosed(): void }) => Link;

/** A line on its way: one of the client's log has its index there. */
export type Letter = { readonly line: string; readonly index?: number; readonly eventId?: string };

/** What a courier needs, and what it tells. */
export type CourierOptions = {
  connect: Connect;
  /** Calls `run` after a while, without keeping the process alive. */
  later: (ms: number, run: () => void) => () => void;
  onOpen(): void;
  onAnswered(letter: Letter, answer: Answer): void;
  /** The connection broke; whether the scribe has these is not known. */
  onLost(letters: readonly Letter[]): void;
};

/** Brings lines to the scribe, connecting again and again. */
export type Courier = {
  isOpen(): boolean;
  hasRoom(): boolean;
  /** Aborts when the present connection is lost. */
  connection(): AbortSignal;
  send(letter: Letter): void;
  unanswered(): number;
  close(): void;
};

// What the scribe takes from one connection before it answers.
const MAX_UNANSWERED = 512;
const MAX_BYTES = 2 * 1024 * 1024;
const RETRY_MS = { first: 50, most: 2_000 };

class SocketCourier implements Courier {
  private readonly options: CourierOptions;
  private readonly letters: Letter[] = [];
  private bytes = 0;
  private link: Link;
  private life = new AbortController();
  private open = false;
  private closed = false;
  private retryMs = RETRY_MS.first;
  private cancelRetry = (): void => undefined;

  constructor(options: CourierOptions) {
    this.options = options;
    this.link = this.connect();
  }

  isOpen(): boolean {
    return this.open;
  }

  hasRoom(): boolean {
    return this.letters.length < MAX_UNANSWERED && this.bytes < MAX_BYTES;
  }

  connection(): AbortSignal {
    return this.life.signal;
  }

  send(letter: Letter): void {
    this.letters.push(letter);
    this.bytes += letter.line.length;
    this.link.keepAlive(true);
    this.link.send(letter.line);
  }

  unanswered(): number {
    return this.letters.length;
  }

  close(): void {
    this.closed = true;
    this.cancelRetry();
    this.link.close();
  }

  private connect(): Link {
    return this.options.connect({
      onOpen: () => {
        this.open = true;
        this.retryMs = RETRY_MS.first;
        this.life = new AbortController();
        this.link.keepAlive(false);
        this.options.onOpen();
      },
      onAnswer: (answer) => this.onAnswer(answer),
      onClosed: () => this.onClosed(),
    });
  }

  private onAnswer(answer: Answer): void {
    const letter = this.letters.shift();
    if (letter === undefined) return this.link.close(); // it answers what was not asked
    this.bytes -= letter.line.length;
    if (this.letters.length === 0) this.link.keepAlive(false);
    this.options.onAnswered(letter, answer);
  }

  private onClosed(): void {
    this.open = false;
    this.bytes = 0;
    const lost = this.letters.splice(0);
    this.life.abort();
    this.options.onLost(lost);
    if (this.closed) return;
    this.cancelRetry = this.options.later(this.retryMs, () => {
      this.link = this.connect();
    });
    this.retryMs = Math.min(RETRY_MS.most, this.retryMs * 2);
  }
}

/** Creates a courier; it connects at once. */
export const createCourier = (options: CourierOptions): Courier => new SocketCourier(options);
