/** The one ref that the bundle of a proposal holds. */
export const bundleRef = "refs/heads/proposal";

/** A bundle of more bytes is neither proposed nor fetched. */
export const maxBundleBytes = 64 * 1024 * 1024;
