import { describe, expect, it } from "@jest/globals";
import { rights } from "./rbac.ts";

const reviews = ["tokenreviews", "subjectaccessreviews"];

describe("what components may do in the whole cluster", () => {
  it.each(Object.entries(rights))(
    "is for %s nothing but to ask for reviews and to handle our own kinds",
    (_, scopes) => {
      const foreign = (scopes.cluster ?? []).filter(
        ({ group, resource }) => group !== "swarm.enchanted.dev" && !reviews.includes(resource),
      );
      expect(foreign).toEqual([]);
    },
  );

  it.each(["operator", "uninstall"])("is for %s never to make or delete anything", (name) => {
    const verbs = (rights[name]?.cluster ?? []).flatMap((access) => access.verbs);
    expect(new Set(verbs)).toEqual(
      new Set(name === "operator" ? ["get", "list", "watch", "patch"] : ["list", "get", "patch"]),
    );
  });
});
