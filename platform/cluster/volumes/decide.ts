/** The part of a claim that provisioning looks at. */
export type ClaimView = {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly spec: {
    readonly storageClassName?: string;
    readonly volumeName?: string;
    readonly accessModes?: readonly string[];
    readonly resources?: { readonly requests?: Readonly<Record<string, string>> };
  };
  readonly status?: { readonly phase?: string };
};

/** The part of a volume that provisioning looks at. */
export type VolumeView = {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly storageClassName?: string; readonly claimRef?: { readonly uid?: string } };
  readonly status?: { readonly phase?: string };
};

/** One thing to do. */
export type VolumeAction =
  | { readonly kind: "create"; readonly name: string; readonly claim: ClaimView }
  | { readonly kind: "remove"; readonly name: string };

/** Name of the storage class, the cluster's default. */
export const STORAGE_CLASS = "enchanted-local";

const volumeName = (claim: ClaimView): string => `pvc-${claim.metadata.uid}`;

/** A claim without a volume gets one; a volume that its claim gave up, or lost, goes with its data. */
export const decideVolumes = (claims: readonly ClaimView[], volumes: readonly VolumeView[]): VolumeAction[] => {
  const ours = volumes.filter(({ spec }) => spec.storageClassName === STORAGE_CLASS);
  const present = new Set(ours.map(({ metadata }) => metadata.name));
  const claimed = new Set(claims.map(volumeName));
  const creations = claims
    .filter(({ spec }) => spec.storageClassName === STORAGE_CLASS)
    .filter((claim) => claim.spec.volumeName === undefined && !present.has(volumeName(claim)))
    .map((claim): VolumeAction => ({ kind: "create", name: volumeName(claim), claim }));
  const removals = ours
    .filter(({ metadata, status }) => status?.phase === "Released" || !claimed.has(metadata.name))
    .map(({ metadata }): VolumeAction => ({ kind: "remove", name: metadata.name }));
  return [...creations, ...removals];
};
