/** The one place where a command becomes text: sshd hands the login shell a string, never an argument vector. */
import { UsageError } from "../errors.ts";

const PLAIN = /^[\w@+:,./-]+$/;

/**
 * An argument vector as one line for the login shell on the host. POSIX shells and zsh read back exactly these words.
 *
 * Backslashes stand outside of the single quotes, because fish alone reads `\\` and `\'` inside of them as escapes; written
 * this way fish, too, reads back the same words. `=`, `~` and `%` are always quoted: zsh expands a leading `=`, and a first
 * word with `=` would be an assignment.
 * @throws UsageError for a word with a NUL, which no process can be given.
 */
export function quote(argv: readonly string[]): string {
  return argv.map(quoteWord).join(" ");
}

function quoteWord(word: string): string {
  if (word.includes("\0")) {
    throw new UsageError(`a word of a command holds a NUL character: ${JSON.stringify(word)}`, {
      mend: "remove it from the setting that the word comes from",
    });
  }
  if (PLAIN.test(word)) return word;
  return `'${word.replaceAll(/['\\]/g, (char) => `'\\${char}'`)}'`;
}
