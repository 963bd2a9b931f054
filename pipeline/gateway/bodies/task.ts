import { granted, type Granted } from "#pipeline/gateway/refusal.ts";
import type { AllowingModel } from "#pipeline/gateway/reach/judge-reach.ts";
import type { ModelRoute } from "#pipeline/gateway/routes.ts";
import { computeUpstreamBody, withoutAddition, type UpstreamBody } from "#pipeline/gateway/upstream-request.ts";

/** What is to be done with a body; plain data, so that another thread can do it. */
export type BodyTask =
  | {
      readonly kind: "compute";
      readonly bytes: Uint8Array;
      readonly route: ModelRoute;
      readonly model: AllowingModel;
      readonly takesUsage: boolean;
    }
  | { readonly kind: "without_addition"; readonly body: UpstreamBody };

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What of bytes can be given to another thread without a copy: small ones share their memory with others. */
export const movable = ({ buffer, byteLength }: Uint8Array): readonly ArrayBuffer[] =>
  buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];

/** A body as it came from another thread, which makes plain arrays of buffers. */
export const revive = (body: Granted<UpstreamBody>): Granted<UpstreamBody> =>
  body.kind === "refused" ? body : granted({ ...body.value, bytes: bufferOf(body.value.bytes) });

/** Does it, here and now. */
export const doTask = (task: BodyTask): Granted<UpstreamBody> => {
  if (task.kind === "compute") {
    const { bytes, route, model, takesUsage } = task;
    return computeUpstreamBody(bufferOf(bytes), route, model, takesUsage);
  }
  const { body } = task;
  return granted(withoutAddition({ ...body, bytes: bufferOf(body.bytes) }));
};
