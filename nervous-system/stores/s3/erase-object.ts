import {
  DeleteObjectCommand,
  GetObjectLegalHoldCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { isStatus } from "./status.ts";

/** What became of an object that was to go: gone with every version of it, or locked, until a time where that is known. */
export type Erased = { readonly kind: "gone" } | { readonly kind: "held"; readonly untilMs?: number };

type Target = { readonly Bucket: string; readonly Key: string };
type Version = Target & { readonly VersionId?: string };

/** Answers of a store that has no versions, or lets nobody list them. */
const withoutVersions = [400, 403, 405, 501];

/** Ids of all versions of an object and of the marks that it was deleted; undefined where the store tells none. */
const versionsOf = async (client: S3Client, { Bucket, Key }: Target): Promise<string[] | undefined> => {
  const ids: string[] = [];
  let from: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
  try {
    for (;;) {
      const page = await client.send(new ListObjectVersionsCommand({ Bucket, Prefix: Key, ...from }));
      const listed = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
      ids.push(...listed.flatMap(({ Key: key, VersionId: id }) => (key === Key && id !== undefined ? [id] : [])));
      // Names that begin with it stand behind it.
      if (page.IsTruncated !== true || listed.some(({ Key: key }) => key !== Key)) return ids;
      from = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
    }
  } catch (error) {
    if (isStatus(error, ...withoutVersions)) return undefined;
    throw error;
  }
};

const heldUntil = async (client: S3Client, version: Version): Promise<Erased | undefined> => {
  // HEAD tells it, too, but versitygw's says nothing of older versions.
  const [locked, hold] = await Promise.allSettled([
    client.send(new GetObjectRetentionCommand(version)),
    client.send(new GetObjectLegalHoldCommand(version)),
  ]);
  if (hold.status === "fulfilled" && hold.value.LegalHold?.Status === "ON") return { kind: "held" };
  const until = locked.status === "fulfilled" ? locked.value.Retention?.RetainUntilDate : undefined;
  return until && { kind: "held", untilMs: until.getTime() };
};

const deleteVersion = async (client: S3Client, version: Version): Promise<Erased> => {
  try {
    await client.send(new DeleteObjectCommand(version));
    return { kind: "gone" };
  } catch (error) {
    if (!isStatus(error, 403)) throw error;
    // Where the lock is for governance, who may erase may lift it: an order of somebody with that right is why we are here.
    const lifted = client.send(new DeleteObjectCommand({ ...version, BypassGovernanceRetention: true }));
    const isGone = await lifted.then(
      () => true,
      () => false,
    );
    if (isGone) return { kind: "gone" };
    const held = await heldUntil(client, version);
    if (held === undefined) throw error;
    return held;
  }
};

/**
 * A store without versions calls the only one `null` and may know no such id; and an account may have the right to delete objects
 * and no versions of them: then the object goes, and a bucket that keeps versions keeps what it was.
 */
const deleteId = async (client: S3Client, target: Target, id: string): Promise<Erased> => {
  try {
    return await deleteVersion(client, { ...target, VersionId: id });
  } catch (error) {
    if (isStatus(error, 400, 403, 404, 501)) return deleteVersion(client, target);
    throw error;
  }
};

const latest = (all: readonly Erased[]): Erased => {
  const held = all.filter((one) => one.kind === "held");
  if (held.length === 0) return { kind: "gone" };
  const times = held.map(({ untilMs }) => untilMs ?? Infinity);
  const untilMs = Math.max(...times);
  return Number.isFinite(untilMs) ? { kind: "held", untilMs } : { kind: "held" };
};

/** Deletes every version of an object, as far as no lock holds it. */
export const eraseObject = async (client: S3Client, target: Target): Promise<Erased> => {
  const ids = await versionsOf(client, target);
  if (ids === undefined) return deleteVersion(client, target);
  const erased: Erased[] = [];
  for (const id of ids) erased.push(await deleteId(client, target, id));
  return latest(erased);
};
