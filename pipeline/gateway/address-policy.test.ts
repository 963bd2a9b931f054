import { describe, expect, it } from "@jest/globals";
import { judgeAddress, parseRanges, resolveTarget } from "#pipeline/gateway/address-policy.ts";

const strict = { allowPrivate: false, allowLoopback: false };
const open = { allowPrivate: true, allowLoopback: true };

describe("judgeAddress", () => {
  it.each([
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "64:ff9b::a9fe:a9fe",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "fe80::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
    "fd00:a9fe:a9fe::1",
    "fd00:100::100:200",
    "0.0.0.0",
    "224.0.0.1",
    "::",
  ])("never lets %s pass", (address) => {
    expect(judgeAddress(address, open)).toMatch(/link-local/);
  });

  it.each(["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fc00::1", "::ffff:10.0.0.1"])(
    "lets the private %s pass where that is set",
    (address) => {
      expect(judgeAddress(address, strict)).toMatch(/private/);
      expect(judgeAddress(address, open)).toBeUndefined();
    },
  );

  it.each([
    ["64:ff9b::a9fe:a9fe", "169.254.169.254 behind NAT64"],
    ["64:ff9b:1::a9fe:a9fe", "the same behind a NAT64 of the network's own, RFC 8215"],
    ["2002:a9fe:a9fe::1", "the same in 6to4"],
    ["2001:0:4136:e378:8000:63bf:5601:5601", "the same in Teredo"],
    ["::169.254.169.254", "the same in the form that RFC 4291 gave up"],
    ["::ffff:0:169.254.169.254", "the same translated, RFC 2765"],
    ["::ffff:a9fe:a9fe", "the same mapped, in hexadecimal"],
    ["64:ff9b:1:a9fe:a9:fe00::", "the same, where its prefix has 48 bits"],
    ["64:ff9b:1:a9:fe:a9fe:808:808", "the same, where it has 56 and a public address stands at the end"],
    ["64:ff9b:1::a9:fea9:fe08:808", "the same, where it has 64"],
    ["64:ff9b::e000:1", "multicast behind NAT64"],
    ["fe80::1%eth0", "link-local with its zone"],
    ["2001:db8::1", "an address of documentation"],
    ["192.88.99.1", "the anycast of 6to4"],
    ["100:0:0:1::1", "the dummy prefix, RFC 9780"],
    ["1::1", "below 2000::/3, which nobody was given"],
    ["64:ff9b:2::1", "the same, beside NAT64"],
    ["200::1", "the same, once for NSAP"],
    ["300:1234::1", "the same, where overlays live"],
    ["4000::1", "above 2000::/3, which nobody was given either"],
    ["e000::1", "the same"],
    ["fe00::1", "the same, beside link-local"],
    ["fec0::1", "site-local, which RFC 3879 gave up and some networks still route"],
    ["feff:ffff::1", "the same, at its end"],
    ["no address", "what is none"],
  ])("never lets %s pass: %s", (address) => {
    expect(judgeAddress(address, open)).toMatch(/reserved/);
  });

  it.each([
    "64:ff9b::10.0.0.1",
    "64:ff9b::c0a8:101",
    "64:ff9b:1::10.0.0.1",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "::10.0.0.1",
    "::ffff:0:10.0.0.1",
    "::ffff:a00:1",
  ])("judges %s by the private address in it", (address) => {
    expect(judgeAddress(address, strict)).toMatch(/private/);
    expect(judgeAddress(address, open)).toBeUndefined();
  });

  it.each(["64:ff9b::127.0.0.1", "2002:7f00:1::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1"])(
    "judges %s by the loopback address in it",
    (address) => {
      expect(judgeAddress(address, { allowPrivate: true, allowLoopback: false })).toMatch(/loopback/);
      expect(judgeAddress(address, open)).toBeUndefined();
    },
  );

  it.each(["64:ff9b::93.184.216.34", "2002:5db8:d822::1", "64:ff9b:1::93.184.216.34", "::ffff:93.184.216.34"])(
    "lets %s pass, which leads to a public address",
    (address) => {
      expect(judgeAddress(address, strict)).toBeUndefined();
    },
  );

  it("lets public addresses pass and loopback where that is set", () => {
    expect(judgeAddress("93.184.216.34", strict)).toBeUndefined();
    expect(judgeAddress("2606:2800:220:1::1", strict)).toBeUndefined();
    expect(judgeAddress("2000::1", strict)).toBeUndefined();
    expect(judgeAddress("3ffe:ffff::1", strict)).toBeUndefined();
    expect(judgeAddress("127.0.0.2", strict)).toMatch(/loopback/);
    expect(judgeAddress("::1", open)).toBeUndefined();
  });
});

describe("networks that the chart names", () => {
  const clusterRanges = parseRanges("203.0.112.0/22,2600:1f00:42::/48") ?? [];
  const ofCluster = { ...strict, clusterRanges };

  it.each(["203.0.112.7", "2600:1f00:42::7", "::ffff:203.0.112.7", "64:ff9b::203.0.112.7", "2002:cb00:7007::1"])(
    "count as private where they are the cluster's: %s",
    (address) => {
      expect(judgeAddress(address, strict)).toBeUndefined();
      expect(judgeAddress(address, ofCluster)).toMatch(/private/);
      expect(judgeAddress(address, { ...ofCluster, allowPrivate: true })).toBeUndefined();
    },
  );

  it("leave their neighbours public", () => {
    expect(judgeAddress("203.0.116.1", ofCluster)).toBeUndefined();
    expect(judgeAddress("2600:1f00:43::7", ofCluster)).toBeUndefined();
  });

  it.each(["10.96.0.80", "2600:1f00:42::80", "::ffff:10.96.0.80"])("are open one by one: %s", (address) => {
    const allowRanges = parseRanges("10.96.0.80/32,2600:1f00:42::80/128") ?? [];
    expect(judgeAddress(address, ofCluster)).toMatch(/private/);
    expect(judgeAddress(address, { ...ofCluster, allowRanges })).toBeUndefined();
    expect(judgeAddress("10.96.0.1", { ...ofCluster, allowRanges })).toMatch(/private/);
  });

  it.each(["169.254.169.254", "fd00:ec2::254", "127.0.0.1", "64:ff9b::a9fe:a9fe", "fe80::1"])(
    "open nothing that is no private address: %s",
    (address) => {
      const all = parseRanges("0.0.0.0/0,::/0") ?? [];
      expect(judgeAddress(address, { ...strict, allowRanges: all, clusterRanges: all })).toMatch(/reserved|loopback/);
    },
  );

  it("are none where one of them is none", () => {
    expect(parseRanges("")).toEqual([]);
    for (const list of ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/8, 11.0.0.0/8x", "example.org/8"])
      expect(parseRanges(list)).toBeUndefined();
  });
});

describe("resolveTarget", () => {
  const to = (...addresses: string[]) =>
    Promise.resolve(addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })));

  it("connects to what the name was when it was asked, once", async () => {
    let asked = 0;
    const target = await resolveTarget({ host: "git.example", port: 443 }, strict, () => {
      asked += 1;
      return to("93.184.216.34");
    });
    expect(target).toEqual({
      kind: "granted",
      value: { addresses: [{ address: "93.184.216.34", family: 4 }], host: "git.example", port: 443 },
    });
    expect(asked).toBe(1);
  });

  it("refuses a name with one bad address among good ones", async () => {
    const target = await resolveTarget({ host: "x", port: 1 }, strict, () => to("93.184.216.34", "169.254.169.254"));
    expect(target).toMatchObject({ kind: "refused", refusal: { status: 403, type: "address_not_allowed" } });
  });

  it("says so when the name does not resolve, and takes addresses as they are", async () => {
    const lost = await resolveTarget({ host: "x", port: 1 }, strict, () => Promise.reject(new Error("ENOTFOUND")));
    expect(lost).toMatchObject({ kind: "refused", refusal: { type: "name_not_resolved" } });
    const literal = await resolveTarget({ host: "[::1]", port: 1 }, open);
    expect(literal).toMatchObject({
      kind: "granted",
      value: { addresses: [{ address: "::1", family: 6 }], host: "::1" },
    });
  });
});
