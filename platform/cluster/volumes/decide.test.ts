import { describe, expect, it } from "@jest/globals";
import { decideVolumes, STORAGE_CLASS, type ClaimView, type VolumeView } from "./decide.ts";

const claim = (uid: string, spec: Partial<ClaimView["spec"]> = {}): ClaimView => ({
  metadata: { name: uid, namespace: "default", uid },
  spec: { storageClassName: STORAGE_CLASS, ...spec },
});
const volume = (name: string, phase: string, storageClassName: string = STORAGE_CLASS): VolumeView => ({
  metadata: { name },
  spec: { storageClassName },
  status: { phase },
});

describe("decideVolumes", () => {
  it("makes a volume for a claim that has none", () => {
    expect(decideVolumes([claim("a")], [])).toMatchObject([{ kind: "create", name: "pvc-a" }]);
  });
  it("makes it once", () => {
    expect(decideVolumes([claim("a")], [volume("pvc-a", "Available")])).toEqual([]);
  });
  it("leaves claims of other classes, and bound ones, alone", () => {
    expect(decideVolumes([claim("a", { storageClassName: "other" }), claim("b", { volumeName: "v" })], [])).toEqual([]);
  });
  it("removes a volume whose claim is gone", () => {
    expect(decideVolumes([], [volume("pvc-a", "Bound")])).toEqual([{ kind: "remove", name: "pvc-a" }]);
  });
  it("removes a released volume", () => {
    expect(decideVolumes([], [volume("pvc-a", "Released")])).toEqual([{ kind: "remove", name: "pvc-a" }]);
  });
  it("never touches a volume of another class", () => {
    expect(decideVolumes([], [volume("theirs", "Released", "other")])).toEqual([]);
  });
});
