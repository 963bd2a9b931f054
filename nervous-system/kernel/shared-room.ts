/** Who holds most of what somebody needs: the member itself, the others of its tenant, or those of all others. */
export type RoomHolder = "member" | "tenant" | "all";

/** What one use of the room holds. */
export type RoomShare = {
  /** Takes more; or takes nothing and answers who holds most of what is missing. */
  grow(weight: number): RoomHolder | undefined;
  /** Gives some of it back. */
  shrink(weight: number): void;
  /** Gives everything back. */
  leave(): void;
};

/**
 * Room for bytes or anything else that is counted, shared by tenants and their members, whose number nobody knows before.
 * Nobody may hold more than he leaves free, so however many press, the next one finds some. What is kept apart is for the
 * one use of a tenant that has no other.
 */
export type SharedRoom = {
  /** Opens a use that holds nothing yet; a member's name must be no other tenant's member's too. */
  open(tenant: string, member: string): RoomShare;
};

/** Numbers by key; only who holds something takes memory. */
class Holdings {
  private readonly held = new Map<string, number>();

  of(key: string): number {
    return this.held.get(key) ?? 0;
  }

  add(key: string, weight: number): void {
    const sum = this.of(key) + weight;
    if (sum > 0) this.held.set(key, sum);
    else this.held.delete(key);
  }
}

/** Holdings at the three levels, each counted in the one above. */
type Levels = { readonly all: number; readonly tenant: number; readonly member: number };

/**
 * A tenant that takes x of the room leaves x less, so it may still take half of how much more is free than it holds, and never
 * holds more than is free. The same holds for a member within what its tenant may still take. Alone in the room a tenant gets
 * half of it and a member a quarter; k tenants that all press get 1/(k+1) each, and as much stays free.
 */
const isShare = (total: number, { all, tenant, member }: Levels, weight: number): boolean =>
  member + weight <= (total - all - tenant) / 2 - weight;

/** Whether what is kept apart takes the only use of a tenant, which holds `own`. */
const isOnly = ({ total, apart }: RoomSize, { all, tenant }: Levels, own: number, weight: number): boolean =>
  tenant === own && own + weight <= apart && all + weight <= total;

/** Whose holdings are the larger part of what is missing. */
const inTheWay = ({ all, tenant, member }: Levels): RoomHolder => {
  if (all - tenant > tenant) return "all";
  return tenant - member > member ? "tenant" : "member";
};

/** How large a room is, and how much of it is kept apart. */
type RoomSize = { readonly total: number; readonly apart: number };

/** Creates a room that nobody is in. */
export const createSharedRoom = (size: RoomSize): SharedRoom => {
  const tenants = new Holdings();
  const members = new Holdings();
  let all = 0;
  const add = (tenant: string, member: string, weight: number): void => {
    all += weight;
    tenants.add(tenant, weight);
    members.add(member, weight);
  };
  return {
    open: (tenant, member) => {
      let own = 0;
      return {
        grow: (weight) => {
          const levels = { all, tenant: tenants.of(tenant), member: members.of(member) };
          if (!isShare(size.total - size.apart, levels, weight) && !isOnly(size, levels, own, weight))
            return inTheWay(levels);
          own += weight;
          add(tenant, member, weight);
          return undefined;
        },
        shrink: (weight) => {
          own -= weight;
          add(tenant, member, -weight);
        },
        leave: () => {
          add(tenant, member, -own);
          own = 0;
        },
      };
    },
  };
};
