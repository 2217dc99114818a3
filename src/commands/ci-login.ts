/** What a CI job was given to log in with: by files, or by variables that hold the text itself. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { ConfigurationError } from "../errors.ts";
import { readKeyFile } from "../host/key-file.ts";
import { type Given, type LoginFiles, writeLoginFiles } from "../host/login-files.ts";
import { Secrets } from "../host/secrets.ts";

export interface LoginFlags {
  readonly sshKeyFile: string | undefined;
  readonly knownHosts: string | undefined;
}

const KEY_VARIABLES = ["BUNGEE_SSH_KEY", "DEPLOY_SSH_KEY"] as const;
const KNOWN_HOSTS_VARIABLE = "BUNGEE_KNOWN_HOSTS";
/** For the forge, to ask it for labels. */
const TOKEN_VARIABLE = "BUNGEE_FORGE_TOKEN";
type Env = Record<string, string | undefined>;

/** The variables' texts, which are taken out: nix, ssh and all that they start would inherit them. Forges give a secret that is not there as "". */
export function takeGiven(env: Env): Given & { readonly token: string | undefined } {
  const [key] = KEY_VARIABLES.map((name) => env[name]).filter(Boolean);
  const knownHosts = env[KNOWN_HOSTS_VARIABLE] || undefined;
  const token = env[TOKEN_VARIABLE] || undefined;
  for (const name of [...KEY_VARIABLES, TOKEN_VARIABLE]) delete env[name];
  return { key, knownHosts, token };
}

interface Surroundings {
  /** Whether there is somebody who could type a passphrase. */
  readonly interactive: boolean;
  readonly env?: Env;
}

/**
 * Puts the files where ssh is led to them, until it is disposed of.
 * @throws ConfigurationError
 */
export async function openLogin(
  { sshKeyFile, knownHosts }: LoginFlags,
  given: Given,
  { interactive, env = process.env }: Surroundings,
): Promise<LoginFiles> {
  const key = sshKeyFile === undefined ? given.key : await read("--ssh-key-file", sshKeyFile);
  const known = knownHosts === undefined ? given.knownHosts : await read("--known-hosts", knownHosts);
  const from = sshKeyFile ? `--ssh-key-file ${sshKeyFile}` : KEY_VARIABLES[0];
  if (key !== undefined && !isWholeKey(key)) {
    throw new ConfigurationError(`${from} is not a private key`, {
      mend: "give the whole file that ssh-keygen wrote, from -----BEGIN … to -----END …, with its line breaks",
    });
  }
  const before = env.BUNGEE_SSH_CONFIG || undefined;
  const files = await writeLoginFiles({ key, knownHosts: known }, before && resolve(before));
  if (!interactive && (await isLocked(files.identityFile))) {
    await files[Symbol.asyncDispose]();
    throw new ConfigurationError(`${from} has a passphrase, and nobody is there to type it`, {
      mend: 'give the job a key of its own, without one: ssh-keygen -t ed25519 -N "" -C ci -f ~/deploy_key',
    });
  }
  env.BUNGEE_SSH_CONFIG = files.configFile;
  return {
    ...files,
    async [Symbol.asyncDispose]() {
      if (before === undefined) delete env.BUNGEE_SSH_CONFIG;
      else env.BUNGEE_SSH_CONFIG = before;
      await files[Symbol.asyncDispose]();
    },
  };
}

/** How the base64 of OpenSSH's own format begins. */
const OWN_FORMAT = "b3BlbnNzaC1rZXktdjEA";

/** A key that was cut off begins like one. */
function isWholeKey(text: string): boolean {
  const whole = /^-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----\n([\s\S]*)^-----END \1-----$/m;
  const [, kind, body = ""] = whole.exec(text.replaceAll("\r", "")) ?? [];
  return kind === "OPENSSH PRIVATE KEY" ? body.startsWith(OWN_FORMAT) : kind !== undefined;
}

async function isLocked(file: string | undefined): Promise<boolean> {
  // Only of one who could ask it says that a passphrase would help.
  using asking = new Secrets({ prompt: async () => null });
  return file !== undefined && (await readKeyFile(file, asking))?.locked === true;
}

async function read(flag: string, file: string): Promise<string> {
  return await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigurationError(`${flag} ${file} cannot be read: ${cause.code}`, { mend: "correct the path", cause });
  });
}
