import * as z from "zod";
import { componentRecorderSettings } from "#nervous-system/recorder/component-settings.ts";
import { parseRanges } from "#pipeline/gateway/address-policy.ts";

const seconds = (fallback: number, description: string) =>
  z.coerce.number().int().min(1).max(86_400).default(fallback).describe(description);

const flag = (description: string) => z.enum(["true", "false"]).default("false").describe(description);

const ranges = (description: string) =>
  z
    .string()
    .default("")
    .transform((list, context) => {
      const parsed = parseRanges(list);
      if (parsed === undefined) context.addIssue({ code: "custom", message: "is no list of networks" });
      return parsed ?? [];
    })
    .describe(`${description}, such as 10.0.0.0/8,fd00::/8`);

/** The gateway's environment. */
export const gatewaySettings = componentRecorderSettings.extend({
  ENCHANTED_OPERATOR_ACCOUNT: z
    .string()
    .min(1)
    .default("enchanted-operator")
    .describe("ServiceAccount that may ask for checks"),
  ENCHANTED_LISTEN: z
    .string()
    .regex(/^.+:[0-9]+$/)
    .default("0.0.0.0:8443")
    .describe("host:port of the HTTPS server"),
  ENCHANTED_TLS_CERT_FILE: z.string().min(1).describe("PEM file with the server's certificate chain"),
  ENCHANTED_TLS_KEY_FILE: z.string().min(1).describe("PEM file with its key"),
  ENCHANTED_EXTRA_CA_FILE: z.string().optional().describe("PEM file with further CAs of model endpoints"),
  ENCHANTED_ALLOW_PRIVATE: flag("true lets model endpoints, forges and allowed hosts be at private addresses"),
  ENCHANTED_ALLOW_RANGES: ranges("private networks that they may be at in any case"),
  ENCHANTED_CLUSTER_RANGES: ranges("networks of the cluster that have public addresses, and count as private"),
  ENCHANTED_ALLOW_LOOPBACK: flag("true lets them be at loopback addresses: for tests and one-machine set-ups"),
  UV_THREADPOOL_SIZE: z.coerce
    .number()
    .int()
    .min(1)
    .max(1024)
    .default(4)
    .describe("threads of libuv, on half of which names are resolved"),
  ENCHANTED_MODEL_ANSWER_SECONDS: seconds(600, "longest wait for the first byte of a model's answer"),
  ENCHANTED_MODEL_IDLE_SECONDS: seconds(300, "longest silence in the middle of a model's answer"),
  ENCHANTED_TUNNEL_IDLE_SECONDS: seconds(120, "longest silence of a tunnel"),
  ENCHANTED_TUNNEL_TOTAL_SECONDS: seconds(1800, "longest life of a tunnel"),
});

/** See `gatewaySettings`. */
export type GatewaySettings = z.output<typeof gatewaySettings>;
