import { describe, expect, it } from "@jest/globals";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { maxFrameBytes } from "#nervous-system/schemas/frames/parse-frame.ts";
import { createRedactor } from "./redact.ts";

const { redact } = createRedactor([]);
const payloadOf = (payload: Record<string, unknown>): unknown =>
  redact({ event_type: "ACTION", payload }).frame.payload;
const left = (text: string): unknown => (payloadOf({ text }) as { text: unknown }).text;
const base64 = (text: string): string => Buffer.from(text).toString("base64");

// What is to stay stands around `‹…›`, which is to go.
const told: ReadonlyArray<readonly [kind: string, text: string]> = [
  ["assignment", "services:\n  db:\n    password: ‹hunter›\n    user: ann"],
  ["assignment", "Password: ‹hunter2›"],
  ["assignment", "      POSTGRES_PASSWORD: ‹mysecretpassword›\n    ports:"],
  ["assignment", "initial admin password: ‹correct-horse›\n"],
  ["assignment", '+  password: "‹hunter›"'],
  ["assignment", "[pypi]\npassword = ‹hunter-2›\n"],
  ["assignment", `  username${" ".repeat(30)} = "ann"\n  password${" ".repeat(30)} = "‹s3cr3tpw9›"\n`],
  ["assignment", `  client_secret${" ".repeat(30)} = "‹s3cr3tpw9›"\n`],
  ["assignment", `password${" ".repeat(30)}= ‹hunter-2›\n`],
  ["assignment", `password:${" ".repeat(30)}‹hunter-2›\n`],
  ["docker-auth", `_auth${" ".repeat(30)} = ‹${base64("ann:hunter")}›`],
  ["assignment", "DB_PASS=‹hunter›"],
  ["assignment", "MYSQL_PWD=‹hunter› mysql -u root"],
  ["netrc", "machine api.example.org login ann password ‹hunter›"],
  ["netrc", "machine api.example.org\n  login ann\n  password ‹hunter›\nmachine b"],
  ["netrc", "+machine api.example.org\n+\tlogin ann\n+\tpassword ‹hunter›\n"],
  ["netrc", String.raw`{"text":"machine a.example.org\n  login ann\n  password ‹hunter›\n"}`],
  ["netrc", "machine a.example.org password ‹hunter› login ann"],
  ["netrc", "default login anonymous password ‹hunter›"],
  ["git-credential", "protocol=https\nhost=example.org\nusername=ann\npassword=‹hunter›\n"],
  ["pgpass", "db.example.org:5432:shop:ann:‹hunter›"],
  ["user-password", "curl -u ann:‹hunter› https://example.org/"],
  ["user-password", "curl -sS -uann:‹hunter› https://example.org/"],
  ["user-password", "curl --user 'ann:‹hunter2›' https://example.org/"],
  ["user-password", 'curl -u "admin:‹s3cret!›" https://example.org/'],
  ["user-password", "curl --proxy-user ann:‹hunter2› https://example.org/"],
  ["user-password", "http --auth ann:‹hunter2› example.org"],
  ["docker-auth", `{"auths":{"ghcr.io":{"auth":"‹${base64("ann:hunter")}›"}}}`],
  ["docker-auth", String.raw`{\"auths\":{\"ghcr.io\":{\"auth\":\"‹${base64("ann:hunter")}›\"}}}`],
  ["docker-auth", `  .dockerconfigjson: ‹${base64('{"auths":{"ghcr.io":{"auth":"x"}}}')}›`],
  ["docker-auth", `//registry.example.org/:_auth=‹${base64("ann:hunter")}›`],
  ["authorization", `send Basic ‹${base64("ann:hunter")}› with it`],
  ["password-hash", `ann:‹$apr1$a1b2c3d4$${"x".repeat(22)}›`],
  ["password-hash", `ann:‹$2y$05$${"aB3/.".repeat(10)}abc›`],
  ["password-hash", `ann:‹{SHA}${base64("x".repeat(20))}›`],
  ["password-hash", `ann:‹$6$rounds=5000$saltsalt$${"aB3/.".repeat(17)}a›:19000:0:`],
  ["password-hash", `ann:‹$y$j9T$abcdefghijklmnopqrstuv$${"x".repeat(43)}›:19000`],
  ["password-hash", `"‹pbkdf2_sha256$260000$abcdef$${"x".repeat(43)}=›"`],
  ["flag", "docker login -u ann -p ‹hunter› ghcr.io"],
  ["flag", "sshpass -p ‹hunter› ssh ann@example.org"],
  ["flag", "sshpass -p‹hunter› ssh ann@example.org"],
  ["flag", "mysql -h db -u root -p‹hunter› shop"],
  ["flag", "redis-cli -h cache -a ‹hunter› ping"],
  ["flag", "ldapsearch -D cn=ann -w ‹hunter› -b dc=example"],
  ["flag", "helm registry login ghcr.io --username ann --password ‹hunter›"],
  ["flag", "twine upload --password=‹hunter› dist/*"],
  ["flag", "gh auth refresh --token ‹a1b2c3d4e5› --yes"],
  ["flag", "openssl rsa -in key.pem -passin pass:‹hunter›"],
  ["flag", "kubectl create secret generic db --from-literal=pw=‹hunter›"],
  ["assignment", "  - name: DB_PASSWORD\n    value: ‹hunter›\n  - name: B"],
  ["assignment", '+  - name: "DB_TOKEN_1"\n+    value: "‹hunter›"\n'],
  ["assignment", '[{"name":"DB_PASSWORD","value":"‹hunter›"}]'],
  ["assignment", String.raw`{\"name\": \"DB_PASSWORD\",\n  \"value\": \"‹hunter›\"}`],
  ["assignment", "FROM a\nENV DB_PASSWORD ‹hunter-2›\nRUN b"],
  ["assignment", "Server=db;Uid=ann;Pwd=‹hunter-2›;Database=x"],
  ["assignment", `AccountName=a;AccountKey=‹${base64("c2VjcmV0c2VjcmV0")}›;Suffix=x`],
  ["assignment", `[Peer]\nPresharedKey = ‹${base64("a1b2c3d4e5f6".repeat(2))}›\nAllowedIPs = 10.0.0.0/8`],
  ["assignment", "<server><password>‹hunter›</password></server>"],
  ["assignment", "<db.password>‹hunter›</db.password>"],
  ["signature", `https://a.example.org/b?sv=1&sig=‹${"aB3%2F".repeat(8)}%3D›&se=2`],
  ["signature", `https://a.example.org/b?X-Amz-Expires=9&X-Amz-Signature=‹${"a1".repeat(32)}›`],
  ["authorization", `{"Authorization": "‹q7Rk2Lm9Xw4Zt8Vb›"}`],
  ["authorization", `curl -H 'Authorization: ‹q7Rk2Lm9Xw4Zt8Vb›' x`],
  ["sql-password", "CREATE ROLE ann WITH PASSWORD '‹hunter›'"],
  ["sql-password", "CREATE USER 'ann'@'%' IDENTIFIED BY '‹hunter›';"],
];

const asGiven = (text: string): string => text.replace(/[‹›]/g, "");

describe("what tools write", () => {
  it.each(told)("such as a %s in %j does not stay, and all around it does", (kind, text) => {
    expect(left(asGiven(text))).toBe(text.replace(/‹.*›/s, `[redacted:${kind}]`));
    expect(left(left(asGiven(text)) as string)).toBe(left(asGiven(text)));
  });

  it("is found where a program's arguments are a list", () => {
    const lists = told.filter(([kind, text]) => /flag|user-password/.test(kind) && !/[=:]‹|'|"|-p‹|-uann/.test(text));
    expect(lists.length).toBeGreaterThan(5);
    for (const [kind, text] of [...lists, ["user-password", "curl -u ann:‹hunter› https://example.org/"] as const])
      expect(payloadOf({ arguments: asGiven(text).split(" ") })).toEqual({
        arguments: text.replace(/‹.*›/, `[redacted:${kind}]`).split(" "),
      });
  });

  it("is found where it is a member, by the member's name", () => {
    const auths = { "ghcr.io": { auth: base64("ann:hunter") } };
    expect(payloadOf({ arguments: { password: "my dog", client_secret: "a b", auths, token: "abcdefgh" } })).toEqual({
      arguments: {
        password: "[redacted:assignment]",
        client_secret: "a b",
        auths: { "ghcr.io": { auth: "[redacted:assignment]" } },
        token: "[redacted:assignment]",
      },
    });
  });

  it.each([
    "docker run -u 1000:1000 --user app:staff -v a:/b node:24",
    "git push -u origin feature && sort -u a:b | rsync -u host:/data .",
    "machine learning and login pages need a password field",
    "Use --password to give one; --password-stdin reads it; --password <value>",
    "password: string\npassword?: String;\npassword: hashedPassword\npassword: z.string()\n",
    'password: "string", password: "passwd", newPassword: "$PASSWORD"',
    "password = input\npassword=os.environ[key]\nconst password = readLine\n",
    'printf "username=%s\\npassword=%s\\n"; f"machine {host} login {user} password {self.password}"',
    "gitea admin user create --must-change-password=false; Password ====\n; see the --password options",
    "kubectl create configmap colours --from-literal=sky=blue",
    "password: new_password\npassword: passwd\nPassword: Secret\n",
    "the password: it must be long and have a digit\n",
    '{"auth":"required","auth":"bearer","auth":"digest00"}',
    "basic information about Basic authentication",
    "arn:aws:logs:*:123456789012:log-group:/aws/lambda and 127.0.0.1:5432:5432",
    "s.replace(/a/, '$1$2$3') and $6$ and {SHA} and $2b$ stay; cost $1$",
    "mysql -p shop; mysql -u root -p; docker login --username ann --password-stdin",
    "GET /login?next=/a HTTP/1.1; the basics; author: ann; authority",
    "PWD=/home/ann/src OLDPWD=/home/ann",
    "- name: DB_PASSWORD\n  valueFrom: {}\n- name: MAX_TOKENS\n  value: 409600\n- name: A_TOKEN\n  value: $(OTHER)\n",
    "set ENV DB_PASSWORD before; the ENV DB_PASSWORD variable\nENV DB_PASSWORD $OTHER\nENV A_TOKEN=",
    "pwd=/home/ann/a; pwd=$PWD; cd x; Pwd = value; let pwd=readLine();",
    "config=0123456789012345678901234567890123456789abc https://a.example.org/?sig=short",
    "<password>string</password> <password>${db.password}</password> <password></password>",
    "Authorization: AWS4-HMAC-SHA256 Credential; authorization: oauth2-authorization-code; authorization = headers.get1",
    "kubectl get secret --token-file /run/token; git log --secret-scanning",
  ])("stays where it only looks like it: %j", (text) => expect(left(text)).toBe(text));

  it.each([
    ...told.map(([, text]) => asGiven(text)),
    ...told.map(([, text]) => text.replace(/‹.*/s, "")),
    "machine a ",
    "machine a login a ",
    "machine++++++++\n+",
    "-u a:",
    "mysql ",
    "docker login ",
    "name: A_PASSWORD,value:",
    "name: A_PASSWORD,",
    `name:${"A".repeat(80)}`,
    "ENV A_TOKEN ",
    "pwd=a",
    "<password>a",
    "<a",
    "&sig=a",
    "x-amz-signature=a",
    "authorization: a",
    "--a",
    `password${" ".repeat(64)}=`,
    `password${" ".repeat(64)}`,
    " ",
    "password: a",
    "password=a=",
    "username=",
    "$5$a",
    "$argon2id$",
    '"auth":"',
  ])("takes no more than its length on a text made of %j", (part) => {
    const make = (bytes: number): (() => unknown) => {
      const frame = { event_type: "THOUGHT", payload: { text: part.repeat(Math.ceil(bytes / part.length)) } };
      return () => redact(frame);
    };
    expect(growthOf(maxFrameBytes / 4, make)).toBeLessThan(mostGrowth);
  });

  it("takes no more than its length in a list of arguments", () => {
    const make = (items: number): (() => unknown) => {
      const list = Array.from({ length: items }, (_, at) => (at % 2 === 0 ? "-u" : "ann:hunter2"));
      return () => redact({ event_type: "ACTION", payload: { list } });
    };
    expect(growthOf(4_000, make)).toBeLessThan(mostGrowth);
  });
});
