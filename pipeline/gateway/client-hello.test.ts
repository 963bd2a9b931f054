import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  encryptedHello,
  extension,
  grease,
  helloFor,
  helloMessage,
  inRecords,
  ownHello,
  serverNames,
  withLength,
} from "#test/builders/client-hello.ts";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { createHelloReader } from "./client-hello.ts";

/** What a reader says to bytes in pieces of the given sizes, the rest in one more; and how many of them all it took. */
const read = (bytes: Buffer, sizes: readonly number[] = []) => {
  const reader = createHelloReader();
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    const piece = bytes.subarray(at, at + size);
    const taken = reader.take(piece);
    if (taken !== undefined) return { hello: taken.hello, used: at + taken.used };
    at += piece.length;
  }
  return undefined;
};

const named = (name: string | undefined, used: number) => ({ hello: { kind: "hello", name }, used });
const notTls = (why: RegExp) => ({ hello: { kind: "not_tls", why: expect.stringMatching(why) } });

describe("a ClientHello", () => {
  it.each(["registry.example.org", undefined])("of a real client for %s is read", async (host) => {
    const bytes = await ownHello(host);
    expect(read(bytes)).toEqual(named(host, bytes.length));
  });

  it.each([
    ["GREASE", [grease, serverNames("a.example"), extension(0x8a8a, Buffer.alloc(0))], "a.example"],
    ["ECH, of which the outer name counts", [encryptedHello, serverNames("outer.example")], "outer.example"],
    ["no name", [grease], undefined],
    ["no extensions", [], undefined],
    ["a name of odd bytes, which are kept apart", [serverNames("a.example\0.b\u00FF")], "a.example\0.b\u00FF"],
  ])("with %s is read", (_, extensions, name) => {
    const bytes = inRecords(helloMessage(...extensions));
    expect(read(bytes)).toEqual(named(name, bytes.length));
  });

  it("is read to its end, and what follows it stays", () => {
    const hello = helloFor("a.example");
    expect(read(Buffer.concat([hello, Buffer.from("early data")]))).toEqual(named("a.example", hello.length));
  });

  it("is the same in whatever records and pieces it comes", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 60 });
    fc.assert(
      fc.property(fc.domain(), sizes, sizes, fc.uint8Array({ maxLength: 40 }), (host, records, pieces, padding) => {
        const message = helloMessage(grease, extension(21, Buffer.from(padding)), serverNames(host));
        const bytes = inRecords(message, records);
        expect(read(bytes, pieces)).toEqual(named(host, bytes.length));
      }),
    );
  });
});

describe("what is no ClientHello", () => {
  const record = (type: number, payload: Buffer): Buffer =>
    Buffer.concat([Buffer.of(type, 3, 1), withLength(2, payload)]);
  const message = helloMessage(serverNames("a.example"));
  const hello = (...extensions: Buffer[]): Buffer => inRecords(helloMessage(...extensions));

  it.each([
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\n"), /no TLS handshake/],
    ["SSH", Buffer.from("SSH-2.0-"), /no TLS handshake/],
    ["a hello of SSL 2", Buffer.of(0x80, 0x2e, 1, 3, 1), /no TLS handshake/],
    ["another record", record(23, message), /no TLS handshake/],
    ["another version", Buffer.of(22, 2), /no TLS handshake/],
    ["another message", record(22, Buffer.of(2, 0, 0, 0)), /first message is no ClientHello/],
    ["an empty record", record(22, Buffer.alloc(0)), /length that none of TLS has/],
    ["a record too long", Buffer.of(22, 3, 1, 0x40, 1), /length that none of TLS has/],
    ["a hello too long", record(22, Buffer.of(1, 0, 0x40, 0)), /over 16384 bytes/],
    ["a hello with a message behind it", record(22, Buffer.concat([message, message])), /something follows/],
    ["a second name", hello(serverNames("a.example", "b.example")), /not one host name/],
    ["a second list of names", hello(serverNames("a.example"), serverNames("b.example")), /extension 0 twice/],
    ["no name in the list", hello(serverNames()), /ends too early/],
    ["an empty name", hello(serverNames("")), /not one host name/],
    [
      "another kind of name",
      hello(extension(0, withLength(2, Buffer.of(1), withLength(2, Buffer.of(65))))),
      /not one host name/,
    ],
    [
      "bytes behind the names",
      hello(extension(0, Buffer.concat([serverNames("a").subarray(4), Buffer.of(0)]))),
      /not one host name/,
    ],
    ["an extension that ends too early", hello(Buffer.of(0, 0, 0, 9)), /ends too early/],
    [
      "bytes behind the extensions",
      record(22, Buffer.concat([Buffer.of(1), withLength(3, message.subarray(4), Buffer.of(0))])),
      /something follows its extensions/,
    ],
  ])("is told so: %s", (_, bytes, why) => {
    expect(read(bytes)).toMatchObject(notTls(why));
  });

  it("is told at the first byte that shows it", () => {
    expect(createHelloReader().take(Buffer.from("G"))).toMatchObject(notTls(/no TLS handshake/));
  });

  it("is told when it goes on and on, in the smallest of records", () => {
    const long = inRecords(
      helloMessage(extension(21, Buffer.alloc(16_000))),
      Array.from({ length: 16_000 }, () => 1),
    );
    expect(read(long)).toEqual({
      hello: { kind: "not_tls", why: expect.stringMatching(/over 20480 bytes/) },
      used: 20_480,
    });
  });

  it("never passes for one of another host: one byte changed is another name in that place, or none", () => {
    const bytes = inRecords(message, [20, 30]);
    const place = bytes.indexOf("a.example");
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ flip;
        const result = read(changed);
        if (result?.hello.kind !== "hello" || result.hello.name === undefined) return;
        const isInName = at >= place && at < place + "a.example".length;
        expect(result.hello.name === "a.example").toBe(!isInName);
      }),
      { numRuns: 2_000 },
    );
  });

  it("ends in no error, whatever the bytes are", () => {
    const anyBytes = fc.uint8Array({ maxLength: 300 });
    const likely = anyBytes.map((body) =>
      Buffer.concat([Buffer.of(1), withLength(3, Buffer.of(3, 3), Buffer.from(body))]),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          anyBytes.map((bytes) => Buffer.from(bytes)),
          likely.map((one) => inRecords(one)),
        ),
        (bytes) => {
          const kind = read(bytes)?.hello.kind;
          expect(["hello", "not_tls", undefined]).toContain(kind);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

it("reads in linear time, byte for byte in records of one byte", () => {
  const bytesOf = (n: number): Buffer => {
    const padding = helloMessage(...Array.from({ length: n / 4 }, (_, at) => extension(256 + at, Buffer.alloc(0))));
    return inRecords(
      padding,
      Array.from({ length: padding.length }, () => 1),
    );
  };
  const make = (n: number) => {
    const pieces = [...bytesOf(n)].map((byte) => Buffer.of(byte));
    return () => {
      for (let times = 0; times < 5; times += 1) {
        const reader = createHelloReader();
        for (const piece of pieces) if (reader.take(piece) !== undefined) break;
      }
    };
  };
  expect(growthOf(700, make)).toBeLessThan(mostGrowth);
});
