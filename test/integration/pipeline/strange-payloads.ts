/** Payloads that fit no schema, and text that no column expects. */
export const strangePayloads: ReadonlyArray<Record<string, unknown>> = [
  { event_type: "THOUGHT", payload: { text: 7 } },
  { event_type: "THOUGHT", payload: { text: "nul \u0000, quotes \"'`\\, 𝄞, \ud800 alone" }, timestamp: "tomorrow" },
  { event_type: "STATE_CHANGE", payload: { lines_added: -1, lines_removed: 1e300, file_modified: ["a"] } },
  { event_type: "MODEL_CALL", payload: { tokens: "many", latency_ms: "slow" } },
  { event_type: "ACTION", payload: [] },
  { event_type: "NOT_YET_INVENTED", payload: { n: Number.MAX_SAFE_INTEGER }, timestamp: "9999-12-31T23:59:59Z" },
  {
    event_type: "MESSAGE",
    payload: { to: null, from: {}, text: "x".repeat(200_000) },
    timestamp: "0001-01-01T00:00:00Z",
  },
];
