import { describe, expect, it } from "@jest/globals";
import { judgeFork, judgeForker, type ToldRepository } from "#supervisor/forge/judge-fork.ts";

const repository = { forge: new URL("https://forge.example.org/git/"), owner: "Team", name: "app" };
const wanted = { login: "robot", repository, repositoryId: 7 };
const told: ToldRepository = { owner: { login: "robot" }, name: "app", parent: { id: 7 } };

describe("the user of a credential", () => {
  it("can have a fork of what is somebody else's, and none of what is theirs, however it is written", () => {
    expect(judgeForker("robot", repository)).toEqual({ kind: "ok", value: "robot" });
    expect(judgeForker("team", repository)).toMatchObject({
      kind: "refused",
      reason: "ForkNotPossible",
      message: expect.stringContaining("workspace.publish.via to Branch"),
    });
  });
});

describe("a repository in a fork's place", () => {
  it("is taken where it is the user's, and of this very repository, under whatever name", () => {
    const url = "https://forge.example.org/git/robot/app.git";
    expect(judgeFork(told, wanted)).toEqual({ kind: "ok", value: { owner: "robot", name: "app", url } });
    expect(judgeFork({ ...told, name: "app-1", owner: { login: "Robot" } }, wanted)).toMatchObject({
      kind: "ok",
      value: { url: "https://forge.example.org/git/Robot/app-1.git" },
    });
  });

  it.each<readonly [string, Partial<ToldRepository>]>([
    ["no fork at all", { parent: undefined }],
    ["no fork, which a forge may say so, too", { parent: null }],
    ["a fork of another repository, whatever that is called", { parent: { id: 8 } }],
    ["somebody else's", { owner: { login: "mallory" } }],
  ])("is refused where it is %s", (_, change) => {
    expect(judgeFork({ ...told, ...change }, wanted)).toMatchObject({ kind: "refused", reason: "ForkTaken" });
  });
});
