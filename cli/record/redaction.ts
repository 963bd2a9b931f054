import { RedactionRuleError } from "#nervous-system/recorder/redact-own-rules.ts";
import { createRedactor, type Redactor } from "#nervous-system/recorder/redact.ts";
import { textsOption, type OptionValues } from "../arguments.ts";
import { CliError } from "../host.ts";

/** Reads the rules; undefined when nothing is to be redacted. Throws `CliError` for a rule that cannot be used. */
export const readRedactor = (options: OptionValues): Redactor | undefined => {
  const patterns = textsOption(options, "redact");
  const isOff = options["no-redact"] === true;
  if (isOff && patterns.length > 0) throw new CliError("enchanted: --redact and --no-redact: give one of them");
  if (isOff) return undefined;
  try {
    return createRedactor(patterns.map((pattern, at) => ({ name: `rule-${at + 1}`, pattern })));
  } catch (error) {
    if (!(error instanceof RedactionRuleError)) throw error;
    throw new CliError(`enchanted: --redact: ${error.message}`);
  }
};
