/** Signatures of store paths: made, and looked for. */
import { stripVTControlCharacters } from "node:util";
import { ConfigurationError } from "../errors.ts";
import { runLocal } from "../process.ts";
import { nix } from "./command.ts";

interface SignOptions {
  readonly signal?: AbortSignal;
}

/**
 * Signs all that these paths need, in this machine's store.
 * @throws ConfigurationError where nix cannot sign with that key
 */
export async function sign(paths: readonly string[], keyFile: string, options: SignOptions = {}): Promise<void> {
  const { code, stderr } = await runLocal(
    nix(["store", "sign"], "--recursive", "--key-file", keyFile, ...paths),
    options,
  );
  if (code === 0) return;
  throw new ConfigurationError(`nix cannot sign with the key of ${keyFile}`, {
    mend: "give a file that `nix key generate-secret` wrote, and a user whom this machine's nix trusts",
    detail: stripVTControlCharacters(stderr).trim().slice(-2000),
  });
}

/** Whether each path that these need has a signature by one of the keys, or a name made of its content. */
export async function areSigned(
  paths: readonly string[],
  publicKeys: readonly string[],
  options: SignOptions = {},
): Promise<boolean> {
  const keys = ["--option", "trusted-public-keys", publicKeys.join(" ")];
  const command = nix(["store", "verify"], "--recursive", "--no-contents", "--sigs-needed", "1", ...keys, ...paths);
  return (await runLocal(command, { ...options, keep: 1024 })).code === 0;
}
