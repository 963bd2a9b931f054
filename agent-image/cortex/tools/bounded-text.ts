/** Cuts a text to `limit` characters by leaving out its middle, and says how much is gone. */
export const boundText = (text: string, limit: number): string => {
  if (text.length <= limit) return text;
  const head = Math.floor((limit * 2) / 3);
  const tail = limit - head;
  return `${text.slice(0, head)}\n[… ${text.length - limit} characters left out …]\n${text.slice(-tail)}`;
};

/** Keeps the head and the tail of a stream of any length in bounded memory. */
type BoundedCollector = {
  push(chunk: string): void;
  text(): string;
};

/** Creates a collector that keeps at most `limit` characters, two thirds of them from the start. */
export const createBoundedCollector = (limit: number): BoundedCollector => {
  const headLimit = Math.floor((limit * 2) / 3);
  const tailLimit = limit - headLimit;
  let head = "";
  let tail = "";
  let dropped = 0;
  return {
    push: (chunk) => {
      const room = headLimit - head.length;
      head += chunk.slice(0, Math.max(room, 0));
      tail += chunk.slice(Math.max(room, 0));
      // Cut rarely: cutting at each chunk would copy the tail for every line a command prints.
      if (tail.length <= tailLimit * 2) return;
      dropped += tail.length - tailLimit;
      tail = tail.slice(-tailLimit);
    },
    text: () => {
      const over = Math.max(tail.length - tailLimit, 0);
      const left = dropped + over;
      return left === 0 ? head + tail : `${head}\n[… ${left} characters left out …]\n${tail.slice(over)}`;
    },
  };
};
