import type { ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";

/** A verb of Kubernetes RBAC that this project uses. */
export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete";

/** A right that an adapter needs; it stands beside the calls that use it, and the ClusterRole is generated from all of them. */
export type Access = {
  readonly group: string;
  /** Plural name, with `/subresource` where one is meant. */
  readonly resource: string;
  readonly verbs: readonly Verb[];
};

/** Declares the verbs used on a kind, or on one of its subresources (`pods`, `missions/status`, `missions/finalizers`). */
export const accessTo = (kind: ResourceKind, verbs: readonly Verb[], subresource?: string): Access => ({
  group: kind.group,
  resource: subresource === undefined ? kind.plural : `${kind.plural}/${subresource}`,
  verbs,
});

/** What a reflector needs. */
export const readAccessTo = (kind: ResourceKind): Access => accessTo(kind, ["get", "list", "watch"]);

/** A rule of a Role or ClusterRole. */
export type PolicyRule = { apiGroups: string[]; resources: string[]; verbs: string[] };

/** The smallest sorted list of rules that grants exactly the declared rights: one rule per resource. */
export const renderRules = (declared: readonly Access[]): PolicyRule[] => {
  const merged = new Map<string, { group: string; resource: string; verbs: Set<string> }>();
  for (const { group, resource, verbs } of declared) {
    const id = `${group}/${resource}`;
    const rule = merged.get(id) ?? { group, resource, verbs: new Set<string>() };
    for (const verb of verbs) rule.verbs.add(verb);
    merged.set(id, rule);
  }
  return [...merged]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { group, resource, verbs }]) => ({
      apiGroups: [group],
      resources: [resource],
      verbs: [...verbs].toSorted(),
    }));
};
