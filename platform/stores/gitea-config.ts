import { createHash } from "node:crypto";

/** What differs between one Gitea and another. */
export type GiteaConfigOptions = {
  /** The address people and programs use, without a slash at the end. */
  readonly url: string;
  readonly address: string;
  readonly port: number;
  /** Directory for repositories, database and sessions. */
  readonly work: string;
  /** Directory with templates, options and public. */
  readonly assets: string;
  /** The system user it runs as. */
  readonly user: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** 64 hex digits that its own secrets are made of. */
  readonly secret: string;
};

/** Even unused it must be there: Gitea would write it into a file that it may not change. */
const jwtSecret = (secret: string): string => createHash("sha256").update(`oauth2 ${secret}`).digest("base64url");

/**
 * Gitea's app.ini: https, SQLite with a write-ahead log (1,449 calls of fsync for the first migration without, 9 with it: on a disk
 * that still writes images, minutes), no registration, nothing that calls out. */
export const renderGiteaConfig = (options: GiteaConfigOptions): string => `APP_NAME = Enchanted forge
RUN_MODE = prod
RUN_USER = ${options.user}
WORK_PATH = ${options.work}

[server]
PROTOCOL = https
HTTP_ADDR = ${options.address}
HTTP_PORT = ${options.port}
ROOT_URL = ${options.url}/
CERT_FILE = ${options.certFile}
KEY_FILE = ${options.keyFile}
STATIC_ROOT_PATH = ${options.assets}
APP_DATA_PATH = ${options.work}/data
DISABLE_SSH = true
OFFLINE_MODE = true
LFS_START_SERVER = false

[database]
DB_TYPE = sqlite3
SQLITE_JOURNAL_MODE = WAL
PATH = ${options.work}/gitea.db

[repository]
ROOT = ${options.work}/repositories
DEFAULT_BRANCH = main

[security]
INSTALL_LOCK = true
SECRET_KEY = ${options.secret.slice(0, 32)}
INTERNAL_TOKEN = ${options.secret}
PASSWORD_HASH_ALGO = pbkdf2

[oauth2]
ENABLED = false
JWT_SECRET = ${jwtSecret(options.secret)}

[service]
DISABLE_REGISTRATION = true
DEFAULT_ALLOW_CREATE_ORGANIZATION = true

[session]
PROVIDER = memory

[indexer]
ISSUE_INDEXER_TYPE = db
REPO_INDEXER_ENABLED = false

[actions]
ENABLED = false

[packages]
ENABLED = false

[mailer]
ENABLED = false

[cron.update_checker]
ENABLED = false

[log]
MODE = console
LEVEL = warn
ROOT_PATH = ${options.work}/log
`;
