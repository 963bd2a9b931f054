import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { FrameObserverOptions } from "#operator/frames/observer.ts";

/** A bus as the observer uses it. */
export type ObservedBus = FrameObserverOptions["bus"];

/**
 * A bus that is still being connected: until then it is away. The operator starts, deletes and tells people what is
 * missing also while NATS is not there.
 */
export const lateBus = (connecting: Promise<Bus>): ObservedBus => {
  let bus: Bus | undefined;
  connecting.then(
    (connected) => (bus = connected),
    () => undefined,
  );
  const present = (): Bus => {
    if (bus === undefined) throw new Error("there is no connection to NATS yet");
    return bus;
  };
  return {
    connected: () => bus?.connected() ?? false,
    lastPlace: async () => present().lastPlace(),
    streamCreated: async () => present().streamCreated(),
    follow: (options) => present().follow(options),
  };
};
