import { renderRules, type Access, type PolicyRule } from "#nervous-system/kubernetes/access.ts";
import { operatorClusterAccess, operatorReleaseAccess, operatorTenantAccess } from "#operator/access.ts";
import {
  uninstallClusterAccess,
  uninstallReleaseAccess,
  uninstallTenantAccess,
} from "#operator/uninstall/uninstall.ts";
import { collectorClusterAccess } from "#pipeline/collector/identify.ts";
import { gatewayClusterAccess, gatewayTenantAccess } from "#pipeline/gateway/cluster-view.ts";
import { readerClusterAccess } from "#pipeline/reader/authorise.ts";
import { trimmerClusterAccess } from "#pipeline/trimmer/holders.ts";
import { publisherClusterAccess, publisherTenantAccess } from "#supervisor/publish/answer-proposal.ts";

/** What a component may do: in the whole cluster, in the release's namespace, and in each tenant's namespace. */
export type ComponentRights = { cluster?: readonly Access[]; release?: readonly Access[]; tenant?: readonly Access[] };

/** The rights of every component, each declared beside the calls that use it. */
export const rights: Readonly<Record<string, ComponentRights>> = {
  operator: {
    cluster: operatorClusterAccess,
    release: operatorReleaseAccess,
    tenant: operatorTenantAccess,
  },
  uninstall: { cluster: uninstallClusterAccess, release: uninstallReleaseAccess, tenant: uninstallTenantAccess },
  collector: { cluster: collectorClusterAccess },
  reader: { cluster: readerClusterAccess },
  trimmer: { cluster: trimmerClusterAccess },
  gateway: { cluster: gatewayClusterAccess, tenant: gatewayTenantAccess },
  publisher: { cluster: publisherClusterAccess, tenant: publisherTenantAccess },
};

/** The rules of a component by scope, as the chart's roles take them. */
export const renderComponentRules = (component: ComponentRights): Record<string, PolicyRule[]> =>
  Object.fromEntries(Object.entries(component).map(([scope, access]) => [scope, renderRules(access)]));
