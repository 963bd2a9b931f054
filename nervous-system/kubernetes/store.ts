import { keyOf, type KubeObject } from "#nervous-system/kubernetes/resource-kind.ts";

/** Values under which an object is found by an index; an object may have none or several. */
export type Indexer<T> = (object: T) => readonly string[];

/** A change of the store. Objects are shared and must never be changed by who receives them. */
export type StoreChange<T> =
  | { kind: "added"; object: T }
  | { kind: "updated"; object: T; previous: T }
  | { kind: "deleted"; object: T };

/** The objects of one kind, by key and by index. */
export type Store<T> = {
  get(key: string): T | undefined;
  values(): IterableIterator<T>;
  size(): number;
  /** Objects that the indexer put under `value`; throws for an index that does not exist. */
  byIndex(index: string, value: string): readonly T[];
  upsert(object: T): readonly StoreChange<T>[];
  remove(object: T): readonly StoreChange<T>[];
  /** Makes the content exactly `items`; objects that vanished unseen are answered as deleted. */
  replace(items: readonly T[]): readonly StoreChange<T>[];
};

type Index<T> = { of: Indexer<T>; keys: Map<string, Set<string>> };

const insert = <T>({ of, keys }: Index<T>, key: string, object: T): void => {
  for (const value of of(object)) {
    const members = keys.get(value);
    if (members) members.add(key);
    else keys.set(value, new Set([key]));
  }
};

const withdraw = <T>({ of, keys }: Index<T>, key: string, object: T): void => {
  for (const value of of(object)) {
    const members = keys.get(value);
    members?.delete(key);
    if (members?.size === 0) keys.delete(value);
  }
};

/** Creates an empty store with the named indexes. */
export const createStore = <T extends KubeObject>(indexers: Readonly<Record<string, Indexer<T>>> = {}): Store<T> => {
  const objects = new Map<string, T>();
  const indexes = new Map(
    Object.entries(indexers).map(([name, of]): [string, Index<T>] => [name, { of, keys: new Map() }]),
  );
  const drop = (key: string, object: T): void => {
    objects.delete(key);
    for (const index of indexes.values()) withdraw(index, key, object);
  };
  const put = (key: string, object: T): void => {
    objects.set(key, object);
    for (const index of indexes.values()) insert(index, key, object);
  };
  const upsert = (object: T): StoreChange<T>[] => {
    const key = keyOf(object.metadata);
    const previous = objects.get(key);
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion) return [];
    if (previous) drop(key, previous);
    put(key, object);
    if (!previous) return [{ kind: "added", object }];
    // Deleted and created again while nobody watched: another object of the same name.
    if (previous.metadata.uid !== object.metadata.uid) {
      return [
        { kind: "deleted", object: previous },
        { kind: "added", object },
      ];
    }
    return [{ kind: "updated", object, previous }];
  };
  const removeKey = (key: string, last?: T): StoreChange<T>[] => {
    const previous = objects.get(key);
    if (!previous) return [];
    drop(key, previous);
    return [{ kind: "deleted", object: last ?? previous }];
  };
  return {
    get: (key) => objects.get(key),
    values: () => objects.values(),
    size: () => objects.size,
    byIndex: (name, value) => {
      const index = indexes.get(name);
      if (!index) throw new TypeError(`no index "${name}": declare it where the informer is created`);
      return [...(index.keys.get(value) ?? [])].flatMap((key) => objects.get(key) ?? []);
    },
    upsert,
    remove: (object) => removeKey(keyOf(object.metadata), object),
    replace: (items) => {
      const present = new Set(items.map((item) => keyOf(item.metadata)));
      const gone = [...objects.keys()].filter((key) => !present.has(key));
      return [...gone.flatMap((key) => removeKey(key)), ...items.flatMap((item) => upsert(item))];
    },
  };
};
