/** Bytes of one frame at most; longer texts go to a blob. */
export const maxFrameBytes = 256 * 1024;
