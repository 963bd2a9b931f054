/** Files and folders of one kind that steer something else than the program they lie beside. */
export type ControlPaths = {
  /** What they are, as a heading. */
  readonly kind: string;
  /** Why an agent may not change them; a message says it behind the path. */
  readonly why: string;
  /** Names of a file or folder at whatever depth, in lower case; `*` stands for any run of characters. */
  readonly names: readonly string[];
  /** Names that count for a file only: folders are often called so. */
  readonly fileNames?: readonly string[];
};

const listed = (names: string): readonly string[] => names.trim().split(/\s+/);

/**
 * Every name that is known to make somebody else's machine run something, or to say who or what judges a change. It is a list of
 * known names: what a repository's own workflow reads from elsewhere is not on it (`workspace.policy.deniedPaths`).
 */
export const controlPaths: readonly ControlPaths[] = [
  {
    kind: "CI of forges and services",
    why: "tells CI what to run",
    names: listed(`
      .bazelci .codecatalyst .eas .onedev-buildspec.yml .rwx .vela.yml buddy.yml ci_scripts codefresh.yml garnix.yaml
      .github .gitea .forgejo .gitlab .gitlab-ci*.yml .gitlab-ci*.yaml *.gitlab-ci.yml *.gitlab-ci.yaml
      .appveyor.yml .appveyor.yaml .azure-pipelines .azure-pipelines*.yml .azure-pipelines*.yaml .azuredevops
      .build.yml .builds .buildkite .ci .ci-operator.yaml .cirrus.yml .cirrus.yaml .cirrus.star .circleci
      .cloudbuild .codebuild .concourse .copr .drone .drone.* .fmf .gocd .harness .jenkins .kokoro .packit.yml
      .packit.yaml .prow .prow.yaml .scrutinizer.yml .semaphore .taskcluster.yml .teamcity .tekton .travis.yml
      .travis.yaml .woodpecker .woodpecker.yml .woodpecker.yaml .zuul.d .zuul.yaml *.gocd.yaml *.gocd.yml
      *.jenkinsfile appveyor.yml appveyor.yaml azure-pipelines*.yml azure-pipelines*.yaml
      bitbucket-pipelines.yml bitbucket-pipelines.yaml bitrise.yml bitrise.yaml buildspec*.yml buildspec*.yaml
      circle.yml cloudbuild*.yaml cloudbuild*.yml cloudbuild*.json codemagic.yaml codeship-services.yml
      codeship-steps.yml jenkinsfile jenkinsfile.* jenkinsfile-* packit.yml packit.yaml pipelines.config.yml
      screwdriver.yaml shippable.yml wercker.yml zuul.d zuul.yaml
    `),
  },
  {
    kind: "Builds and deployments that services make of a branch",
    why: "tells a service what to build or deploy of a branch",
    names: listed(`
      .cpanel.yml .deployment .launchpad.yaml .spacelift .terrateam atlantis.yaml atlantis.yml digger.yml digger.yaml
      .do .ebextensions .fly .netlify .platform .platform.app.yaml .readthedocs.yml .readthedocs.yaml .upsun
      .vercel amplify.yml apphosting*.yaml appspec.yml appspec.yaml captain-definition fly.toml heroku.yml
      netlify.toml nixpacks.toml railway.json railway.toml readthedocs.yml render.yaml vercel.json
    `),
  },
  {
    kind: "Owners and approvals",
    why: "says who must approve a change, or when it is merged",
    names: listed(`
      .aviator .bulldozer.yml .gitreview .kodiak.toml .lgtm .lgtm.yml .maintainers .mergequeue .mergify
      .mergify.yml .policy.yml .prlint* .pullapprove.yml .reviewers .rultor.yml .zappr.yaml bors.toml
      code_owners codeowners dangerfile dangerfile.*
    `),
    fileNames: ["owners", "owners_aliases"],
  },
  {
    kind: "Bots that open, judge or release changes",
    why: "steers a bot of the repository",
    names: listed(`
      .bandit .changeset .cm .codeclimate.json .craft.yml .hound.yml .qlty .scala-steward.conf .trunk ellipsis.yaml
      goreleaser.yml goreleaser.yaml greptile.json release-plz.toml renovate.jsonc
      .all-contributorsrc .allstar .codacy.yml .codacy.yaml .codeclimate.yml .codecov.yml .codecov.yaml
      .coderabbit.yml .coderabbit.yaml .deepsource.toml .dependabot .goreleaser.yml .goreleaser.yaml
      .houndci.yml .imgbotconfig .pr_agent.toml .probot .pyup.yml .release-it.* .release-please-manifest.json
      .releaserc .releaserc.* .renovate .renovaterc .renovaterc.* .restyled.yaml .sonarcloud.properties
      .sourcery.yaml .whitesource codecov.yml codecov.yaml release-please-config.json release.config.*
      renovate.json renovate.json5 sonar-project.properties
    `),
  },
  {
    kind: "What scanners shall overlook",
    why: "tells a scanner what to overlook",
    names: listed(`
      .grype .secretlintignore .talismanrc socket.yml trivy-secret.yaml
      .checkov.yml .checkov.yaml .grype.yaml .osv-scanner.toml .secrets.baseline .semgrep .semgrep.yml
      .semgrepignore .snyk .tfsec .trivyignore .trivyignore.* .trufflehog* osv-scanner.toml trivy.yaml
    `),
  },
  {
    kind: "Hooks and whatever runs when a person opens or enters the folder",
    why: "runs on the machine of whoever works on the repository",
    names: listed(`
      .codesandbox .devfile.yaml .dir-locals.el .exrc .helix .idx .lefthook.json .lefthook.jsonc .nvim.lua .replit
      .stackblitzrc .theia captainhook.json grumphp.yml hk.pkl lefthook.json lefthook.jsonc prek.toml
      .devcontainer .devcontainer.json .envrc .fleet .gitpod.* .hooks .husky .huskyrc .huskyrc.* .idea .lefthook
      .lefthook*.yml .lefthook*.yaml .lefthook*.toml .lintstagedrc .lintstagedrc.* .mise .mise.toml .mise.*.toml
      .overcommit.yml .pre-commit-config.yml .pre-commit-config.yaml .pre-commit-hooks.yaml .simple-git-hooks.*
      .vs .vscode .zed *.code-workspace devfile.yaml lefthook*.yml lefthook*.yaml lefthook*.toml
      lint-staged.config.* mise.toml mise.*.toml simple-git-hooks.*
    `),
  },
  {
    kind: "Other version control, and what Git is told for everyone who clones",
    why: "is read by version control, which may run what it names",
    names: listed(`.bzr .fossil-settings .hg .hgsub .hgsubstate .jj .lfsconfig .pijul .sl .svn _darcs cvs`),
  },
  {
    kind: "Instructions and tools of other agents",
    why: "instructs the agents that read the repository",
    names: listed(`
      .aiassistant .claude-plugin .kilocoderules .pi .qoder .rovodev .tabnine .vibe codex.md
      .agent .agents .aider* .amazonq .amp .augment .augment-guidelines .claude .claude.json .clinerules .cline
      .codeium .codex .continue .continuerules .copilot .crush .crush.json .cursor .cursorignore
      .cursorindexingignore .cursorrules .devin .factory .gemini .goose .goosehints .jules .junie .kilocode
      .kilocodemodes .kiro .mcp .mcp.json .opencode .openhands .openhands_instructions .qodo .qwen .roo
      .roomodes .roorules* .rules .trae .warp .windsurf .windsurfrules agent.md agents.local.md agents.md
      agents.override.md claude.local.md claude.md copilot-instructions.md crush.json crush.md gemini.md
      mcp.json opencode.json opencode.jsonc qwen.md warp.md
    `),
  },
];

type Matcher = (folded: string) => boolean;

const matcherOf = (names: readonly string[]): Matcher => {
  const exact = new Set(names.filter((name) => !name.includes("*")));
  const stars = names.filter((name) => name.includes("*")).map((name) => name.split("*", 2));
  return (folded) =>
    exact.has(folded) ||
    stars.some(
      ([before = "", after = ""]) =>
        folded.length >= before.length + after.length && folded.startsWith(before) && folded.endsWith(after),
    );
};

const matchers = controlPaths.map(({ why, names, fileNames = [] }) => ({
  why,
  isControl: matcherOf(names),
  isControlFile: matcherOf(fileNames),
}));

/** Why a component of a path, as the least distinguishing file system spells it, belongs to what steers others; undefined where it does not. */
export const controlOf = (folded: string, isFile: boolean): string | undefined =>
  matchers.find(({ isControl, isControlFile }) => isControl(folded) || (isFile && isControlFile(folded)))?.why;
