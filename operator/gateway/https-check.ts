import { readFile } from "node:fs/promises";
import https from "node:https";
import * as z from "zod";
import type { CheckAnswer, CheckQuestion, GatewayCheck } from "#operator/gateway/check.ts";

/** Where the gateway is and who asks. */
export type HttpsCheckOptions = {
  /** `https://enchanted-gateway:8443`. */
  url: string;
  /** PEM of the chart's CA. */
  caPem: string;
  /** Projected token of audience `enchanted-gateway`, read anew for each question because it is rotated. */
  tokenFile: string;
  timeoutMs: number;
};

const answerSchema = z.object({
  ok: z.boolean(),
  // The reason becomes a condition's: one PascalCase word.
  reason: z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,127}$/),
  message: z.string(),
});

const maxAnswerBytes = 64 * 1024;
const maxMessage = 1024;

type HttpAnswer = { status: number; text: string };

const post = (options: HttpsCheckOptions, agent: https.Agent, token: string, body: string): Promise<HttpAnswer> =>
  new Promise((resolve, reject) => {
    const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token}` };
    const request = https.request(
      new URL("/internal/v1/check", options.url),
      { method: "POST", agent, headers, timeout: options.timeoutMs, signal: AbortSignal.timeout(options.timeoutMs) },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
          if (text.length > maxAnswerBytes) response.destroy(new Error("the gateway's answer is too long"));
        });
        response.on("error", reject);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    request.on("error", reject);
    request.end(body);
  });

const judge = ({ status, text }: HttpAnswer): CheckAnswer => {
  if (status !== 200) return { kind: "unavailable", message: `the gateway answered ${status}: ${text.slice(0, 512)}` };
  const { ok, reason, message } = answerSchema.parse(JSON.parse(text));
  return { kind: "answered", ok, reason, message: message.slice(0, maxMessage) };
};

/** Asks the gateway over HTTPS; whatever goes wrong on the way is `unavailable`. */
export const createHttpsGatewayCheck = (options: HttpsCheckOptions): GatewayCheck => {
  const agent = new https.Agent({ ca: options.caPem, keepAlive: false });
  return async (question: CheckQuestion): Promise<CheckAnswer> => {
    try {
      const token = (await readFile(options.tokenFile, "utf8")).trim();
      return judge(await post(options, agent, token, JSON.stringify(question)));
    } catch (error) {
      return { kind: "unavailable", message: String(error) };
    }
  };
};
