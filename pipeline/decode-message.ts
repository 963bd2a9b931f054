import { fromBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";

/** Reads a request; throws INVALID_ARGUMENT when it is malformed. */
export const decodeMessage = <D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> => {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw new GrpcFailure(grpcStatus.invalidArgument, `malformed ${schema.typeName}: ${String(error)}`);
  }
};
