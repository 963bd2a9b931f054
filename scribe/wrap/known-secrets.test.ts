import { describe, expect, it } from "@jest/globals";
import { withoutSecretsOf } from "./known-secrets.ts";

const clean = withoutSecretsOf({ SHOP_TOKEN: "abcd-1234-efgh", PIN_SECRET: "1234567890123456", HOME: "/home/ann" });

describe("a line of FD 3 without the secrets of the environment", () => {
  it.each([
    ['{ "event_type": "THOUGHT", "n": 1.0 }', '{ "event_type": "THOUGHT", "n": 1.0 }'],
    ['{"text":"abcd-1234-efgh","n":1.0}', '{"text":"[redacted:SHOP_TOKEN]","n":1.0}'],
    ['{"n":1234567890123456,"text":"is 1234567890123456"}', '{"n":1234567890123456,"text":"is [redacted:PIN_SECRET]"}'],
    [
      '{"event_type":"STATE_CHANGE","payload":{"patch":"+abcd-1234-efgh"}}',
      '{"event_type":"STATE_CHANGE","payload":{"patch":"+[redacted:SHOP_TOKEN]","withheld":true}}',
    ],
    [
      '{"event_type":"STATE_CHANGE","patch":"+abcd-1234-efgh"}',
      '{"event_type":"STATE_CHANGE","patch":"+[redacted:SHOP_TOKEN]","withheld":true}',
    ],
    ["no JSON: abcd-1234-efgh", "no JSON: [redacted:SHOP_TOKEN]"],
  ])("%s", (line, left) => expect(clean(line)).toBe(left));
});
