import { ownOf } from "#nervous-system/kernel/own-of.ts";

/** A label selector as Kubernetes writes it. */
export type Selector = {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
    readonly values?: readonly string[];
  }[];
};

type Labels = Readonly<Record<string, string>>;

/** The part of a Pod that decides which packets pass. */
export type PodView = {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels?: Labels };
  readonly spec: {
    readonly hostNetwork?: boolean;
    readonly containers: readonly {
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
    }[];
  };
  readonly status: {
    /** The first of `podIPs`. */
    readonly podIP?: string;
    /** One of each family. */
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly phase?: string;
  };
};

/** The part of a Namespace that policies select by. */
export type NamespaceView = { readonly metadata: { readonly name: string; readonly labels?: Labels } };

/** One side of a policy's rule. */
export type Peer = {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
};

/** A port of a policy's rule. */
export type PolicyPort = {
  readonly protocol?: string;
  readonly port?: number | string;
  readonly endPort?: number;
};

/** The part of a NetworkPolicy that is enforced: all of it. */
export type PolicyView = {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly podSelector?: Selector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly { readonly from?: readonly Peer[]; readonly ports?: readonly PolicyPort[] }[];
    readonly egress?: readonly { readonly to?: readonly Peer[]; readonly ports?: readonly PolicyPort[] }[];
  };
};

/** Everything that the filter's rules follow from. */
export type NetworkSnapshot = {
  readonly pods: readonly PodView[];
  readonly namespaces: readonly NamespaceView[];
  readonly policies: readonly PolicyView[];
};

/** Whether labels fulfil a selector; an empty selector takes everything. */
export const selects = (selector: Selector, labels: Labels = {}): boolean => {
  const equal = Object.entries(selector.matchLabels ?? {}).every(([k, v]) => labels[k] === v);
  const fulfilled = (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = ownOf(labels, key);
    switch (operator) {
      case "In":
        return value !== undefined && values.includes(value);
      case "NotIn":
        return value === undefined || !values.includes(value);
      case "Exists":
        return value !== undefined;
      case "DoesNotExist":
        return value === undefined;
    }
  });
  return equal && fulfilled;
};
