/** What a CI job was given to log in with: by files, or by variables that hold the text itself. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { ConfigurationError } from "../errors.ts";
import { type Given, type LoginFiles, writeLoginFiles } from "../host/login-files.ts";

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

/**
 * Puts the files where ssh is led to them, until it is disposed of.
 * @throws ConfigurationError
 */
export async function openLogin(
  { sshKeyFile, knownHosts }: LoginFlags,
  given: Given,
  env: Env = process.env,
): Promise<LoginFiles> {
  const key = sshKeyFile === undefined ? given.key : await read("--ssh-key-file", sshKeyFile);
  const known = knownHosts === undefined ? given.knownHosts : await read("--known-hosts", knownHosts);
  if (key !== undefined && !/^-----BEGIN [A-Z ]*PRIVATE KEY-----$/m.test(key.replaceAll("\r", ""))) {
    throw new ConfigurationError(
      `${sshKeyFile ? `--ssh-key-file ${sshKeyFile}` : KEY_VARIABLES[0]} is not a private key`,
      {
        mend: "give the whole file that ssh-keygen wrote, from -----BEGIN … on, with its line breaks",
      },
    );
  }
  const before = env.BUNGEE_SSH_CONFIG || undefined;
  const files = await writeLoginFiles({ key, knownHosts: known }, before && resolve(before));
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

async function read(flag: string, file: string): Promise<string> {
  return await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigurationError(`${flag} ${file} cannot be read: ${cause.code}`, { mend: "correct the path", cause });
  });
}
