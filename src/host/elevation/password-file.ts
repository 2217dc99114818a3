/** A password in a file, for CI: a secret store mounts it, or a shell's `<(…)` gives it as a pipe. */
import { open } from "node:fs/promises";
import { ConfigurationError } from "../../errors.ts";

const LONGEST = 1024;
const READABLE_BY_OTHERS = 0o077;

/** Its first line. @throws ConfigurationError */
export async function readPasswordFile(path: string): Promise<Buffer> {
  const wrong = (what: string, mend: string, cause?: unknown) =>
    new ConfigurationError(`the password file ${path} ${what}`, { mend, ...(cause === undefined ? {} : { cause }) });
  const file = await open(path).catch((cause: NodeJS.ErrnoException) => {
    throw wrong(`cannot be read: ${cause.code}`, "correct BUNGEE_SUDO_PASSWORD_FILE, or unset it", cause);
  });
  try {
    // Of the file that is open: its name may lead elsewhere by now.
    const { mode } = await file.stat();
    if ((mode & READABLE_BY_OTHERS) !== 0) throw wrong("can be read by others", `chmod 600 ${path}`);
    const buffer = Buffer.alloc(LONGEST);
    let length = 0;
    // A pipe may give it in pieces.
    while (length < LONGEST && !buffer.subarray(0, length).includes("\n")) {
      const { bytesRead } = await file.read(buffer, length, LONGEST - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    const end = buffer.subarray(0, length).indexOf("\n");
    const line = buffer.subarray(0, end === -1 ? length : end);
    if (line.length === 0 || length === LONGEST) {
      buffer.fill(0);
      throw wrong("has no password on its first line", "write the password there, and nothing else");
    }
    return line;
  } finally {
    await file.close();
  }
}
