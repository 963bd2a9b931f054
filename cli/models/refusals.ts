import type { CallRefusal } from "#scribe/inputs/carry-call.ts";

/** An answer of the port itself. */
export const refuse = (status: number, message: string): CallRefusal => ({ status, type: "enchanted", message });

const CUT = new Set(["ECONNRESET", "EPIPE"]);

const UNTRUSTED = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/**
 * Why a call did not arrive. A connection that was cut is cut for the program, too, whose client does then what it would have
 * done (undefined); where a name, a port or a certificate is wrong, words are worth more than the kind of an error.
 */
export const explainFailure = (
  { origin }: URL,
  { code = "", message }: NodeJS.ErrnoException,
): CallRefusal | undefined => {
  if (CUT.has(code)) return undefined;
  // Node's own words advise an option of Node, which is none of the program's.
  const why = UNTRUSTED.has(code)
    ? `no CA that is trusted has signed its certificate (${code}); name a file with that CA in SSL_CERT_FILE or NODE_EXTRA_CA_CERTS`
    : message;
  return refuse(502, `${origin} cannot be reached: ${why}`);
};
