/** What one run of tests came to. */
export type Counts = { readonly passed: number; readonly failed: number };

/** The part of jest's `--json` file that is read. */
export type JestResults = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  /** Files that could not even be loaded count as failures of their own. */
  readonly numRuntimeErrorTestSuites: number;
};

/** Counts one jest run; a run that left no results is one failure. */
export const countsOf = (results: JestResults | undefined): Counts =>
  results === undefined
    ? { passed: 0, failed: 1 }
    : { passed: results.numPassedTests, failed: results.numFailedTests + results.numRuntimeErrorTestSuites };

/** Adds counts up. */
export const sumCounts = (counts: readonly Counts[]): Counts =>
  counts.reduce((sum, one) => ({ passed: sum.passed + one.passed, failed: sum.failed + one.failed }), {
    passed: 0,
    failed: 0,
  });
