import {
  DeleteObjectCommand,
  GetObjectLegalHoldCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { isStatus } from "./status.ts";

/** What became of an object that was to go: gone with every version of it, or locked, until a time where that is known. */
export type Erased = { readonly kind: "gone" } | { readonly kind: "held"; readonly untilMs?: number };

/** The account of a bucket may not do what erasing takes; the message names the rights. */
class MissingRightError extends Error {
  override readonly name = "MissingRightError";
}

type Target = { readonly Bucket: string; readonly Key: string };
type Version = Target & { readonly VersionId?: string };
type Held = Extract<Erased, { kind: "held" }>;

const missing = ({ Bucket, Key }: Target, ...rights: readonly string[]): MissingRightError =>
  new MissingRightError(
    `${Key} cannot be erased: grant ${rights.join(" and ")} on bucket ${Bucket} to the account that keeps it`,
  );

/** Answers of a store that has no versions, or lets nobody list them. */
const withoutVersions = [400, 403, 405, 501];

/** Ids of all versions of an object and of the marks that it was deleted; the answer's status where the store tells none. */
const versionsOf = async (client: S3Client, { Bucket, Key }: Target): Promise<string[] | "denied" | "none"> => {
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
    if (isStatus(error, ...withoutVersions)) return isStatus(error, 403) ? "denied" : "none";
    throw error;
  }
};

const isMarked = (error: unknown): boolean =>
  (error as { $response?: { headers?: Record<string, string> } }).$response?.headers?.["x-amz-delete-marker"] ===
  "true";

/** What a DELETE without an id would come upon: the only object, one that it would only hide, or none. */
const lookAt = async (client: S3Client, target: Target): Promise<"only" | "version" | "none"> => {
  try {
    return (await client.send(new HeadObjectCommand(target))).VersionId === undefined ? "only" : "version";
  } catch (error) {
    if (!isStatus(error, 404, 405)) throw error;
    return isMarked(error) ? "version" : "none";
  }
};

/** Whether a bucket is known to lock objects, which takes versions; an account without locks need not be able to ask. */
const locksObjects = async (client: S3Client, { Bucket }: Target): Promise<boolean> => {
  const asked = client.send(new GetObjectLockConfigurationCommand({ Bucket }));
  const found = await asked.catch((error: unknown) => {
    if (isStatus(error, 400, 403, 404, 405, 501)) return undefined;
    throw error;
  });
  return found?.ObjectLockConfiguration?.ObjectLockEnabled === "Enabled";
};

/** What holds a version; undefined where nothing does. Rejects where nobody lets us ask. */
const heldBy = async (client: S3Client, version: Version): Promise<Held | undefined> => {
  // HEAD tells it, too, but versitygw's says nothing of older versions.
  const [locked, hold] = await Promise.allSettled([
    client.send(new GetObjectRetentionCommand(version)),
    client.send(new GetObjectLegalHoldCommand(version)),
  ]);
  if (hold.status === "fulfilled" && hold.value.LegalHold?.Status === "ON") return { kind: "held" };
  const until = locked.status === "fulfilled" ? locked.value.Retention?.RetainUntilDate : undefined;
  if (until !== undefined) return { kind: "held", untilMs: until.getTime() };
  const isDenied = (asked: PromiseSettledResult<unknown>): boolean =>
    asked.status === "rejected" && isStatus(asked.reason, 403);
  const rights = [
    ...(isDenied(locked) ? ["s3:GetObjectRetention"] : []),
    ...(isDenied(hold) ? ["s3:GetObjectLegalHold"] : []),
  ];
  if (rights.length > 0) throw missing(version, ...rights);
  return undefined;
};

/** A lock is 403 to Amazon S3, and 400 InvalidRequest to MinIO. */
const mayBeLocked = (error: unknown): boolean =>
  isStatus(error, 403) || (isStatus(error, 400) && (error as { name?: unknown }).name === "InvalidRequest");

/** A store without versions calls the only one so, and may know no such id. */
const ONLY = "null";

/** What MinIO refuses so is held, though it may tell nobody by what; but for an id that a store need not know. */
const heldAnyway = (error: unknown, { VersionId }: Version): Held | undefined =>
  isStatus(error, 400) && VersionId !== ONLY ? { kind: "held" } : undefined;

/** Deletes a version, or the object where none is named; undefined where it was refused and nothing is known to hold it. */
const deleteVersion = async (client: S3Client, version: Version): Promise<Erased | undefined> => {
  try {
    await client.send(new DeleteObjectCommand(version));
    return { kind: "gone" };
  } catch (error) {
    if (!mayBeLocked(error)) throw error;
    // Where the lock is for governance, who may erase may lift it: an order of somebody with that right is why we are here.
    const lifted = client.send(new DeleteObjectCommand({ ...version, BypassGovernanceRetention: true }));
    const isGone = await lifted.then(
      () => true,
      () => false,
    );
    if (isGone) return { kind: "gone" };
    return (await heldBy(client, version)) ?? heldAnyway(error, version);
  }
};

/** Deletes the one object of a store that keeps no versions of it. */
const deleteOnly = async (client: S3Client, target: Target): Promise<Erased> => {
  const erased = await deleteVersion(client, target);
  if (erased === undefined) throw missing(target, "s3:DeleteObject");
  return erased;
};

const deleteOnlyVersion = async (client: S3Client, target: Target): Promise<Erased> => {
  try {
    const erased = await deleteVersion(client, { ...target, VersionId: ONLY });
    if (erased !== undefined) return erased;
  } catch (error) {
    if (error instanceof MissingRightError || !isStatus(error, 400, 404, 501)) throw error;
  }
  const found = await lookAt(client, target);
  if (found === "version") throw missing(target, "s3:DeleteObjectVersion");
  return found === "none" ? { kind: "gone" } : deleteOnly(client, target);
};

const deleteId = async (client: S3Client, target: Target, id: string): Promise<Erased> => {
  if (id === ONLY) return deleteOnlyVersion(client, target);
  const erased = await deleteVersion(client, { ...target, VersionId: id });
  if (erased === undefined) throw missing(target, "s3:DeleteObjectVersion");
  return erased;
};

const latest = (all: readonly Erased[]): Erased => {
  const held = all.filter((one) => one.kind === "held");
  if (held.length === 0) return { kind: "gone" };
  const times = held.map(({ untilMs }) => untilMs ?? Infinity);
  const untilMs = Math.max(...times);
  return Number.isFinite(untilMs) ? { kind: "held", untilMs } : { kind: "held" };
};

/** Deletes an object of a store that lists no versions: it has none, or nobody lets us see them. */
const eraseUnlisted = async (client: S3Client, target: Target, listing: "denied" | "none"): Promise<Erased> => {
  const found = await lookAt(client, target);
  const isHidden = found === "none" && listing === "denied" && (await locksObjects(client, target));
  if (found === "version" || isHidden) throw missing(target, "s3:ListBucketVersions", "s3:DeleteObjectVersion");
  return found === "none" ? { kind: "gone" } : deleteOnly(client, target);
};

/**
 * Deletes every version of an object, as far as no lock holds it. Gone is what is in no list any more; rejects with
 * `MissingRightError` where a version may be left that we may not see or delete.
 */
export const eraseObject = async (client: S3Client, target: Target): Promise<Erased> => {
  const ids = await versionsOf(client, target);
  if (ids === "denied" || ids === "none") return eraseUnlisted(client, target, ids);
  const erased: Erased[] = [];
  for (const id of ids) erased.push(await deleteId(client, target, id));
  const outcome = latest(erased);
  const left = outcome.kind === "gone" && ids.length > 0 ? await versionsOf(client, target) : [];
  if (left.length > 0) throw new Error(`${target.Key} was deleted, and ${left.length} versions of it are still listed`);
  return outcome;
};
