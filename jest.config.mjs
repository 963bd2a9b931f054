// Three projects: `unit` beside the code, `integration` against real servers on loopback, `e2e` on the embedded cluster.

// A machine's own choice of CAs for all of gRPC, which no container of ours has, would win over those that clients are given.
// oxlint-disable-next-line no-restricted-globals -- the one place before every test
delete process.env["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"];

const base = {
  transform: {},
  extensionsToTreatAsEsm: [".ts"],
  testEnvironment: "node",
  modulePathIgnorePatterns: ["<rootDir>/dist/", "<rootDir>/.enchanted/"],
};

export default {
  projects: [
    {
      ...base,
      displayName: "unit",
      testMatch: ["<rootDir>/**/*.test.ts"],
      testPathIgnorePatterns: ["/node_modules/", "<rootDir>/test/integration/", "<rootDir>/test/e2e/"],
    },
    { ...base, displayName: "integration", testMatch: ["<rootDir>/test/integration/**/*.test.ts"] },
    { ...base, displayName: "e2e", testMatch: ["<rootDir>/test/e2e/**/*.test.ts"] },
  ],
};
