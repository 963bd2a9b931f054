/** Reference from a child to the object that owns it; the garbage collector deletes the child after its owner. */
export type OwnerReference = {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
};

/** Metadata of an object that the API server holds. Times are RFC 3339. */
export type ObjectMeta = {
  name: string;
  /** Absent on cluster-scoped objects only. */
  namespace?: string | undefined;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
  generation?: number | undefined;
  deletionTimestamp?: string | undefined;
  deletionGracePeriodSeconds?: number | undefined;
  labels?: Record<string, string> | undefined;
  annotations?: Record<string, string> | undefined;
  ownerReferences?: OwnerReference[] | undefined;
  finalizers?: string[] | undefined;
};

/** Any object that the API server holds. */
export type KubeObject = { apiVersion: string; kind: string; metadata: ObjectMeta };

/** Metadata of an object still to be written; uid and resourceVersion, when given, are preconditions of an apply. */
type DraftMeta = Partial<ObjectMeta> & { name: string };

/** An object still to be written: no status, and only the metadata that its writer decides. */
export type Draft<T extends KubeObject = KubeObject> = Omit<T, "metadata" | "status"> & { metadata: DraftMeta };

/** Describes one resource of the API to the client; `T` is the type of its objects. */
export type ResourceKind<T extends KubeObject = KubeObject> = {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never set: carries `T`, so that calls infer their object type from the kind. */
  readonly object?: T;
};

/** Where one object is. */
export type ObjectRef = { namespace?: string | undefined; name: string };

/** The `apiVersion` of a kind's objects. */
export const apiVersionOf = ({ group, version }: ResourceKind): string =>
  group === "" ? version : `${group}/${version}`;

/** How a kind is named in messages: `plural.group`. */
export const resourceName = ({ group, plural }: ResourceKind): string => (group === "" ? plural : `${plural}.${group}`);

/** URL path of a kind's collection, of one namespace or (without one) of all. */
export const collectionPath = (kind: ResourceKind, namespace?: string): string => {
  const root = kind.group === "" ? "/api" : "/apis";
  const scope = kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}/${apiVersionOf(kind)}${scope}/${kind.plural}`;
};

/** URL path of one object, or of one of its subresources. Throws where a namespaced kind is named without a namespace. */
export const objectPath = (kind: ResourceKind, { namespace, name }: ObjectRef, subresource?: string): string => {
  if (kind.namespaced && !namespace) {
    throw new TypeError(`${resourceName(kind)} "${name}" has no namespace: pass metadata.namespace of the object`);
  }
  const path = `${collectionPath(kind, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
};

/** Key of an object in caches and work queues: `namespace/name`, or `name` where there is no namespace. */
export const keyOf = ({ namespace, name }: ObjectRef): string => (namespace ? `${namespace}/${name}` : name);

/** The reference by which a child names `owner` as its controller. */
export const controllerReference = ({ apiVersion, kind, metadata }: KubeObject): OwnerReference => ({
  apiVersion,
  kind,
  name: metadata.name,
  uid: metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
});

/** The reference to the controller of an object, if it has one. */
export const controllerOf = (object: {
  metadata: Pick<KubeObject["metadata"], "ownerReferences">;
}): OwnerReference | undefined => object.metadata.ownerReferences?.find((owner) => owner.controller === true);

// Without a slash it is a version, of the group without a name.
const groupOf = ({ apiVersion }: OwnerReference): string => /^([^/]*)\//.exec(apiVersion)?.[1] ?? "";

/**
 * Whether both references name the same owner. The UID alone is not enough: who makes an object writes its references, and one of
 * another kind with our UID is none of ours.
 */
export const isSameOwner = (a: OwnerReference | undefined, b: OwnerReference | undefined): boolean =>
  a !== undefined &&
  b !== undefined &&
  a.uid === b.uid &&
  a.name === b.name &&
  a.kind === b.kind &&
  groupOf(a) === groupOf(b);

/** Whether `owner` is the controller of an object. */
export const isControlledBy = (object: Parameters<typeof controllerOf>[0], owner: KubeObject): boolean =>
  isSameOwner(controllerOf(object), controllerReference(owner));
