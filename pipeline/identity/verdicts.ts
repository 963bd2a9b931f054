const MAX_REMEMBERED = 10_000;

/** What was said of tokens, by their hash; the oldest are forgotten. */
export class Verdicts<T> {
  private readonly kept = new Map<string, T>();

  get(key: string): T | undefined {
    return this.kept.get(key);
  }

  remember(key: string, verdict: T): void {
    this.kept.delete(key);
    this.kept.set(key, verdict);
    const [oldest] = this.kept.keys();
    if (this.kept.size > MAX_REMEMBERED && oldest !== undefined) this.kept.delete(oldest);
  }

  forget(key: string): void {
    this.kept.delete(key);
  }
}
