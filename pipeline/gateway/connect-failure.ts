/** An error of a connection, as Node tells it. */
export type ConnectError = NodeJS.ErrnoException & { readonly errors?: readonly Error[] };

const noTls = "what listens there speaks no TLS; name its TLS port, or begin the address with http://";
const noHttp =
  "what listens there does not speak HTTP as it should: the port may be another service's, or want https://";
const unknownCa = "its certificate comes from a CA that the gateway does not trust; name that CA to the chart";

/** What the errors of a wrong address mean, by their codes. */
const causes: ReadonlyArray<readonly [RegExp, string]> = [
  [/^ECONNREFUSED$/, "nothing listens at that port"],
  [/^(EPROTO|ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST))$/, noTls],
  [/^HPE_/, noHttp],
  [
    /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?))$/,
    unknownCa,
  ],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, "its certificate is for another name"],
  [/^CERT_HAS_EXPIRED$/, "its certificate has expired"],
  [/^(EHOSTUNREACH|ENETUNREACH)$/, "there is no way to that address"],
];

/** Why an endpoint could not be reached: the cause in words, then what Node says. */
export const describeFailure = (url: URL, { code, message, errors = [] }: ConnectError): string => {
  // Of several addresses each has an error of its own, and all of them together have no words.
  const words = message || errors.map((one) => one.message).join(", ");
  const cause = causes.find(([codes]) => codes.test(code ?? ""))?.[1];
  const told = [cause, code === undefined || code === "EPROTO" ? undefined : code, words.trim().split("\n")[0]];
  return `${url.origin} could not be reached: ${told.filter((one) => one !== undefined && one !== "").join(": ")}`;
};
