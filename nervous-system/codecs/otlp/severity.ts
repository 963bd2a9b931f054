const names = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] as const;

/** Short name of a `severity_number` (1 to 24, four for each name: INFO, INFO2, …); empty for any other number. */
export const severityName = (number: number): string => {
  const name = names[Math.floor((number - 1) / 4)];
  if (name === undefined || !Number.isInteger(number)) return "";
  const step = (number - 1) % 4;
  return step === 0 ? name : `${name}${step + 1}`;
};
