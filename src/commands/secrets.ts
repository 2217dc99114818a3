/** Secrets typed at the terminal: without an echo, and without ever becoming a string, which nobody could overwrite. */
import { Secrets } from "../host/secrets.ts";
import type { Reporter } from "../report/reporter.ts";
import { clean } from "../report/text.ts";
import { isInteractive } from "./ask.ts";
import type { Interruption } from "./interruption.ts";
import type { Streams } from "./verb.ts";

/** BUNGEE_SUDO_PASSWORD_FILE names a file with the password for becoming root. */
export function openSecrets(reporter: Reporter, interruption: Interruption, streams: Streams): Secrets {
  const prompt = (question: string) =>
    reporter.withTerminal(async () => {
      const secret = await askSecret(question, streams, interruption.signal);
      if (secret === null && !interruption.signal.aborted) interruption.interrupt("Ctrl-C", "nothing was started");
      return secret;
    });
  return new Secrets({
    prompt: isInteractive(streams) ? prompt : undefined,
    passwordFile: process.env.BUNGEE_SUDO_PASSWORD_FILE || undefined,
  });
}

const KEYS = { interrupt: 0x03, end: 0x04, backspace: 0x08, newline: 0x0a, enter: 0x0d, clear: 0x15, delete: 0x7f };
const LONGEST = 1024;

/** @returns what was typed, which the caller overwrites; null after Ctrl-C, Ctrl-D, or when the signal aborts */
export function askSecret(question: string, { stdin, stderr }: Streams, signal: AbortSignal): Promise<Buffer | null> {
  const typed = Buffer.alloc(LONGEST);
  let length = 0;
  return new Promise((resolve) => {
    const finish = (secret: Buffer | null) => {
      stdin.off("data", take).off("end", cancel);
      signal.removeEventListener("abort", cancel);
      stdin.pause();
      stdin.setRawMode?.(false);
      stderr.write("\n");
      typed.fill(0);
      resolve(secret);
    };
    const cancel = () => finish(null);
    const take = (chunk: Buffer) => {
      for (const [index, byte] of chunk.entries()) {
        if (byte === KEYS.newline || byte === KEYS.enter) {
          const rest = Buffer.from(chunk.subarray(index + 1));
          chunk.fill(0);
          finish(Buffer.from(typed.subarray(0, length)));
          if (rest.length > 0) stdin.unshift(rest);
          return;
        }
        if (byte === KEYS.interrupt || byte === KEYS.end) return cancel();
        if (byte === KEYS.clear) length = 0;
        else if (byte === KEYS.backspace || byte === KEYS.delete) length = beforeLastCharacter(typed, length);
        else if (length < LONGEST) typed[length++] = byte;
      }
      chunk.fill(0);
    };
    if (signal.aborted) return cancel();
    signal.addEventListener("abort", cancel, { once: true });
    // Before the question: whoever answers at once must not see the answer.
    stdin.setRawMode?.(true);
    stderr.write(clean(question));
    stdin.on("data", take).once("end", cancel);
    stdin.resume();
  });
}

/** One character of UTF-8 may be several bytes, of which all but the first begin with the bits 10. */
function beforeLastCharacter(bytes: Buffer, length: number): number {
  let end = Math.max(0, length - 1);
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return end;
}
