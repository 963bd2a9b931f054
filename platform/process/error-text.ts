/** What an error says, for people; errors of another realm (as in jest) are read like ours. */
export const errorText = (error: unknown): string =>
  typeof error === "object" && error !== null && "message" in error ? String(error.message) : String(error);
