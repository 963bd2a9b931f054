import { createSimulatedDisk, type SimulatedDisk } from "./simulated-disk.ts";
import type { WriterLimits } from "#nervous-system/recorder/wal/writer.ts";
import type { Recording } from "#nervous-system/recorder/recording.ts";
import type { WalCut } from "#nervous-system/recorder/wal-cut.ts";
import type { EventLoop } from "./event-loop.ts";
import type { History } from "./history.ts";
import type { Member } from "./identities.ts";
import { beginLife, type Life, type WallClock } from "./life.ts";
import type { Network } from "./network.ts";
import { createProcessDisk } from "./process-disk.ts";
import type { Producer } from "./producer.ts";
import type { Random } from "./random.ts";
import { startScribeProcess } from "./scribe-process.ts";

/** A machine with a recorder on it, which is started again whenever it ends. */
export type Host = {
  readonly member: Member;
  readonly disk: SimulatedDisk;
  readonly wall: WallClock;
  /** The recorder while it runs. */
  recording(): Recording | undefined;
  start(): void;
  /** kill -9 of the recorder: what it wrote without a sync stays. */
  kill(restartMs: number): void;
  /** The whole machine dies: what was not synced goes, or some of it. */
  crash(restartMs: number): void;
  /** Ends it as the kubelet does. */
  stop(restartMs: number): void;
};

/** What a host is made of. */
export type HostOptions = {
  member: Member;
  producer: Producer;
  loop: EventLoop;
  random: Random;
  network: Network;
  history: History;
  limits: Partial<WriterLimits>;
  cut: WalCut;
  /** Of an ordinary sync, milliseconds. */
  syncMs: number;
};

const DRAIN_MS = 5_000;
const LOOK_MS = 250;
const REOPEN_MS = 500;

class Machine implements Host {
  readonly disk = createSimulatedDisk();
  readonly wall: WallClock = { offsetMs: 0 };
  readonly member: Member;
  private readonly options: HostOptions;
  private lives = 0;
  private life: Life | undefined;
  private running: Recording | undefined;
  private said = "";

  constructor(options: HostOptions) {
    this.options = options;
    this.member = options.member;
  }

  recording(): Recording | undefined {
    return this.running;
  }

  start(): void {
    const { loop, random, member, network } = this.options;
    if (this.life?.isAlive() === true) return;
    const life = beginLife(loop, `${member.name}/${(this.lives += 1)}`, this.wall);
    this.life = life;
    const own = random.fork();
    const disk = createProcessDisk({ disk: this.disk.mount(), life, loop, random: own, syncMs: () => this.syncMs() });
    const client = network.client(life, member.name, member.name);
    const isAlive = (name: string): boolean => name === life.name;
    startScribeProcess({ ...this.options, life, disk, client, random: own, isAlive }).then(
      life.hears((recording: Recording) => this.began(recording, life)),
      life.hears((error: unknown) => this.ended(`did not start: ${String(error)}`, REOPEN_MS)),
    );
  }

  kill(restartMs: number): void {
    if (this.life?.isAlive() === true) this.ended("killed", restartMs);
  }

  crash(restartMs: number): void {
    this.disk.crash((n) => this.options.random.between(0, n));
    if (this.life?.isAlive() === true) this.ended("its machine crashed", restartMs);
  }

  stop(restartMs: number): void {
    const { life, running } = this;
    if (life === undefined || running === undefined) return;
    this.running = undefined; // asked once
    const close = async (): Promise<void> => {
      if (await running.drain(DRAIN_MS)) this.claim(running);
      await running.close();
    };
    close().then(
      life.hears(() => this.ended("stopped", restartMs)),
      life.hears((error: unknown) => this.ended(`did not stop cleanly: ${String(error)}`, restartMs)),
    );
  }

  private syncMs(): number {
    const { random, syncMs } = this.options;
    return random.chance(0.02) ? random.next() * 300 : random.next() * syncMs;
  }

  private began(recording: Recording, life: Life): void {
    this.running = recording;
    this.note("recording");
    this.options.producer.connect(recording.recorder, life);
    const look = (): void => {
      this.claim(recording);
      life.clock.after(LOOK_MS, look);
    };
    look();
  }

  private ended(why: string, restartMs: number): void {
    this.note(why);
    this.running = undefined;
    this.life?.die();
    this.options.loop.after(restartMs, () => this.start());
  }

  private note(value: string): void {
    this.options.history.add(this.member.name, "info", { f: "note", value });
  }

  /** Writes down what the recorder says is stored. */
  private claim(recording: Recording): void {
    const { stored } = recording.health().exporting;
    if (stored === undefined || stored.hash === this.said) return;
    this.said = stored.hash;
    const { epoch, seq, hash } = stored;
    this.options.history.add(this.member.name, "ok", {
      f: "store",
      value: { agent: this.member.agentUid, epoch, seq, hash },
    });
  }
}

/** Creates a host that is not started. */
export const createHost = (options: HostOptions): Host => new Machine(options);
