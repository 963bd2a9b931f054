import { once } from "node:events";
import { Duplex } from "node:stream";
import { describe, expect, it } from "@jest/globals";
import { hangUp, join } from "./join.ts";

/** A side that says `words` and ends, unless it is to stay; what it hears arrives slowly. */
const sideThat = (says: string, ends: boolean) => {
  const heard: string[] = [];
  const side = new Duplex({
    allowHalfOpen: false,
    read() {
      if (says !== "") this.push(says);
      says = "";
      if (ends) this.push(null);
    },
    write(chunk: Buffer, _encoding, done) {
      setImmediate(() => {
        heard.push(chunk.toString());
        setImmediate(done);
      });
    },
  });
  return { side, heard };
};

describe("join", () => {
  it("brings the other side what was said before an end, then closes it", async () => {
    const [quick, slow] = [sideThat("all of it", true), sideThat("", false)];
    const closed = once(slow.side, "close");
    join(quick.side, slow.side);
    await closed;
    expect(slow.heard).toEqual(["all of it"]);
  });

  it("closes the other side at once when one breaks", async () => {
    const [broken, other] = [sideThat("", false), sideThat("", false)];
    join(broken.side, other.side);
    const closed = once(other.side, "close");
    broken.side.destroy(new Error("reset"));
    await closed;
    expect(other.side.writableFinished).toBe(false);
  });
});

describe("hangUp", () => {
  it("lets what was written go out first, also when it is told twice", async () => {
    const { side, heard } = sideThat("", false);
    side.write("a");
    side.write("b");
    hangUp(side);
    hangUp(side);
    await once(side, "close");
    expect(heard).toEqual(["a", "b"]);
  });
});
