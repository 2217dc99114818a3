import { MissingToolError } from "../errors.ts";
import { runLocal } from "../process.ts";

export interface NixVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** As nix prints it, e.g. "2.26.3" or "2.25.0pre20240910_abcdef". */
  readonly text: string;
}

/** Flakes and internal-json as they are today came with it. */
const OLDEST = { major: 2, minor: 4 };

/** @throws MissingToolError when nix is not there, or is older than 2.4. */
export async function nixVersion(options: { signal?: AbortSignal | undefined } = {}): Promise<NixVersion> {
  const { stdout, stderr, code } = await runLocal(
    { argv: ["nix", "--version"] },
    options.signal ? { signal: options.signal } : {},
  );
  const version = code === 0 ? parseVersion(stdout) : undefined;
  if (version === undefined) {
    throw new MissingToolError("nix --version did not print a version", {
      mend: "see what `nix --version` says",
      detail: (stdout + stderr).trim(),
    });
  }
  if (version.major < OLDEST.major || (version.major === OLDEST.major && version.minor < OLDEST.minor)) {
    throw new MissingToolError(`nix ${version.text} is too old`, {
      mend: `install nix ${OLDEST.major}.${OLDEST.minor} or newer: older ones know no flakes`,
    });
  }
  return version;
}

/** `nix (Nix) 2.26.3`; the vendor's name in parentheses differs (Lix, Determinate Nix). */
export function parseVersion(output: string): NixVersion | undefined {
  const match = /^nix \(.*\) ((\d+)\.(\d+)(?:\.(\d+))?\S*)/m.exec(output);
  if (!match) return undefined;
  const [, text = "", major, minor, patch = "0"] = match;
  return { major: Number(major), minor: Number(minor), patch: Number(patch), text };
}
