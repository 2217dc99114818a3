/** A private key and known hosts that a CI job was given, as files that ssh reads, for as long as the job needs them. */
import { statfs, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { type PrivateDirectory, privateDirectory } from "./private-directory.ts";

export interface Given {
  /** The text of the key's file. */
  readonly key?: string | undefined;
  /** The text of a known_hosts. */
  readonly knownHosts?: string | undefined;
}

export interface LoginFiles extends AsyncDisposable {
  /** For `ssh -F`. */
  readonly configFile: string;
  readonly identityFile: string | undefined;
}

/**
 * Gone with its disposal, and when the process exits; only what cannot be caught (KILL) leaves them, until the machine goes down where they
 * are in memory only.
 * @param before the settings that hold besides: another file for `ssh -F`. Default: the user's and the system's
 */
export async function writeLoginFiles({ key, knownHosts }: Given, before?: string): Promise<LoginFiles> {
  const directory = await inMemory();
  try {
    const write = async (name: string, text: string | undefined) => {
      if (text === undefined) return undefined;
      const path = join(directory.path, name);
      await writeFile(path, text, { mode: 0o600, flag: "wx" });
      return path;
    };
    const identityFile = await write("key", key && asFile(key));
    const knownHostsFile = await write("known_hosts", knownHosts && asFile(knownHosts));
    const config = settings(identityFile, knownHostsFile, before ? [before] : filesOfSsh());
    const configFile = (await write("config", config))!;
    return { configFile, identityFile, [Symbol.asyncDispose]: () => directory.remove() };
  } catch (error) {
    await directory.remove();
    throw error;
  }
}

/** ssh looks for its own where the user database says, whatever HOME is: a runner sets that as it likes. */
const filesOfSsh = () => [join(userInfo().homedir, ".ssh", "config"), "/etc/ssh/ssh_config"];

/** ssh takes what it reads first: nothing below can disable the check of host keys. */
function settings(
  identityFile: string | undefined,
  knownHostsFile: string | undefined,
  others: readonly string[],
): string {
  return [
    "StrictHostKeyChecking yes",
    "UpdateHostKeys no",
    ...(identityFile ? [`IdentityFile ${identityFile}`, "IdentitiesOnly yes"] : []),
    ...(knownHostsFile ? [`UserKnownHostsFile ${knownHostsFile}`] : []),
    ...others.map((file) => `Include "${file}"`),
    "",
  ].join("\n");
}

/** Forms and variables lose the last newline, or give each line a carriage return: ssh then takes the key for a broken one. */
const asFile = (text: string): string => `${text.replaceAll("\r", "").trim()}\n`;

/** As linux/magic.h has it. */
const TMPFS = 0x01021994;

async function inMemory(): Promise<PrivateDirectory> {
  for (const base of [process.env.XDG_RUNTIME_DIR, "/dev/shm"]) {
    if (!base || !/^\/[\w./-]+$/.test(base)) continue;
    try {
      if ((await statfs(base)).type === TMPFS) return await privateDirectory(LONGEST_NAME, base);
    } catch {
      // Not there, or not ours to write to.
    }
  }
  return await privateDirectory(LONGEST_NAME);
}

const LONGEST_NAME = "known_hosts".length;
