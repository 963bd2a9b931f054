import * as z from "zod";
import { withRules } from "#nervous-system/schemas/resources/define-resource.ts";

const label = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
// Whatever a resolver would read as an IPv4 address (10.0.0.1, 0x7f.1, 2130706433) ends in a part that begins with a digit.
const lastLabel = "[a-z]([-a-z0-9]{0,61}[a-z0-9])?";
const port = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";

/** A host name in lower case, and no address. */
export const hostNamePattern = `(${label}[.])*${lastLabel}`;

/** An entry of `egress.allowHosts`: groups are the wildcard, the name below which it stands or the name itself, and the port. */
export const allowedHostPattern = `^([*][.])?(${hostNamePattern})(:${port})?$`;

const allowedHost = withRules(
  z
    .string()
    .min(1)
    .max(259)
    .describe(
      "A host name in lower case, or *.suffix for every name below it and not itself; with :port unless it is 443.",
    ),
  {
    rule: `self.matches('${allowedHostPattern}')`,
    message:
      "write a host name in lower case, or *.suffix, with :port unless it is 443 (registry.example.org, *.example.org:8443); no scheme, path, IP address or bare *; names beyond ASCII as xn--…",
  },
);

/** Where the agents of a mission, or one agent, may connect to. */
export const egress = z
  .object({
    allowHosts: z.array(allowedHost).max(50).default([]).meta({
      description:
        "Hosts that programs in the agents' pods may reach by TLS through the proxy port: names in lower case, or *.suffix for every name below it, with :port unless it is 443.",
      "x-kubernetes-list-type": "set",
    }),
  })
  .describe("Where its agents may connect to beside their model; nowhere unless told.");
