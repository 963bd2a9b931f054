/**
 * A token bucket: holds at most `capacity` tokens and gains `refillPerSecond` of them each second.
 * Time comes from `now()`, in milliseconds, so that tests own it.
 */
export class TokenBucket {
  #capacity;
  #refillPerSecond;
  #now;
  #tokens;
  #refilledAt;

  constructor({ capacity, refillPerSecond, now = Date.now }) {
    if (!(capacity > 0)) throw new RangeError(`capacity must be above 0, not ${capacity}`);
    if (!(refillPerSecond > 0)) throw new RangeError(`refillPerSecond must be above 0, not ${refillPerSecond}`);
    this.#capacity = capacity;
    this.#refillPerSecond = refillPerSecond;
    this.#now = now;
    this.#tokens = capacity;
    this.#refilledAt = now();
  }

  /** Takes one token if there is one; else tells how many milliseconds until there is. */
  take() {
    this.#refill();
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return { allowed: true, remaining: this.#tokens, retryAfterMs: 0 };
    }
    return { allowed: false, remaining: 0, retryAfterMs: this.#untilNextToken() };
  }

  /** Whether nothing would be lost by forgetting this bucket. */
  isFull() {
    this.#refill();
    return this.#tokens >= this.#capacity;
  }

  #refill() {
    const now = this.#now();
    const elapsedMs = now - this.#refilledAt;
    const gained = Math.floor((elapsedMs / 1000) * this.#refillPerSecond);
    this.#tokens = Math.min(this.#capacity, this.#tokens + gained);
    this.#refilledAt = now;
  }

  #untilNextToken() {
    const intervalMs = 1000 / this.#refillPerSecond;
    return Math.ceil(intervalMs - (this.#now() - this.#refilledAt));
  }
}
