import { afterAll, afterEach, beforeAll, beforeEach } from "@jest/globals";
import { startCollectorPeer, type CollectorPeer } from "./collector-peer.ts";
import { killRunning, layOutPod, setStage, startPodScribe, type Pod, type Running, type Stage } from "./stage.ts";

type Environment = Record<string, string>;

/** A stage, and on it a collector, a pod and its scribe; jest's hooks set it up and clear it away. */
export class Scene {
  stage!: Stage;
  peer!: CollectorPeer;
  pod!: Pod;
  private running: Running | undefined;

  /** The scribe that was started last. */
  get scribe(): Running {
    if (this.running === undefined) throw new Error("no scribe was started");
    return this.running;
  }

  /** Starts the pod's scribe, for the first time or again. */
  async startScribe(): Promise<void> {
    this.running = await startPodScribe(this.stage, this.pod);
  }

  /** Starts a collector and lays out a pod that sends to it. */
  async open(name: string, environment: Environment): Promise<void> {
    this.peer = await startCollectorPeer(this.stage.tls);
    this.pod = await layOutPod(this.stage, name, this.peer.port, environment);
  }

  /** kill -9 of a scribe that still runs, and the collector's end. */
  async close(): Promise<void> {
    if (this.running !== undefined) await killRunning(this.running);
    this.running = undefined;
    await this.peer.close();
  }
}

/** A scene with a collector and a pod of its own for each test, which starts the scribe itself. */
export const sceneForEachTest = (environment: Environment = {}): Scene => {
  const scene = new Scene();
  let number = 0;
  beforeAll(async () => {
    scene.stage = await setStage();
  }, 60_000);
  afterAll(() => scene.stage.remove());
  beforeEach(() => scene.open(`pod-${(number += 1)}`, environment), 30_000);
  afterEach(() => scene.close());
  return scene;
};

/** A scene with one collector and one running scribe for all tests of a file; `environment` is asked for when the stage is set. */
export const sceneForFile = (
  environment: (stage: Stage) => Promise<Environment> = () => Promise.resolve({}),
): Scene => {
  const scene = new Scene();
  beforeAll(async () => {
    scene.stage = await setStage();
    await scene.open("pod", await environment(scene.stage));
    await scene.startScribe();
  }, 60_000);
  afterAll(async () => {
    await scene.close();
    await scene.stage.remove();
  });
  return scene;
};
