/**
 * The secrets that a person is asked for: passphrases of key files, and the password for becoming root. Each is asked for once,
 * whoever needs it, and stays in this process's memory: no argument, variable, file, event or error ever holds one.
 */
import { writeFileSync } from "node:fs";
import { readPasswordFile } from "./elevation/password-file.ts";
import { SharedPassword } from "./elevation/shared-password.ts";

/**
 * Asks a person at a terminal, without an echo. The answer is the asker's, who overwrites it.
 * @returns null when they would rather not say (Ctrl-C, Ctrl-D)
 */
export type Prompt = (question: string) => Promise<Buffer | null>;

export interface SecretsOptions {
  /** Left out: there is nobody to ask. */
  readonly prompt?: Prompt | undefined;
  /** The password for becoming root, for where nobody can be asked: a file that only its owner may read. */
  readonly passwordFile?: string | undefined;
}

/** As sudo and ssh have it. */
const TRIES = 3;

export class Secrets implements Disposable {
  readonly #passwordFile: string | undefined;
  readonly #passphrases = new Map<string, Promise<Buffer | undefined>>();
  /** How often a key file's passphrase was asked for. */
  readonly #asked = new Map<string, number>();
  readonly #passwords = new Map<string, SharedPassword>();
  readonly #held = new Set<Buffer>();
  #prompt: Prompt | undefined;
  /** Two questions at once would share one line of the terminal. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ prompt, passwordFile }: SecretsOptions = {}) {
    this.#prompt = prompt;
    this.#passwordFile = passwordFile;
  }

  /** Whether there is somebody to ask. */
  get interactive(): boolean {
    return this.#prompt !== undefined;
  }

  /** From now on only what is known is given: nobody is asked while hosts wait for their confirmation. */
  seal(): void {
    this.#prompt = undefined;
  }

  /**
   * The passphrase of a key file: asked for once for all hosts, three times where it is wrong. The buffer stays ours.
   * @param opens whether it is the right one; left out where only ssh can tell: see `wrong`
   * @returns undefined when nobody can be asked, or knows it
   */
  passphrase(file: string, opens?: (passphrase: Buffer) => boolean | Promise<boolean>): Promise<Buffer | undefined> {
    let known = this.#passphrases.get(file);
    if (known === undefined) {
      known = this.#askPassphrase(file, opens ?? (() => true));
      this.#passphrases.set(file, known);
    }
    return known;
  }

  /** ssh did not take this passphrase: it is asked for again, unless it has been often enough or another has come meanwhile. */
  async wrong(file: string, passphrase: Buffer): Promise<void> {
    const known = this.#passphrases.get(file);
    if (known && (await known) === passphrase && this.#passphrases.get(file) === known) this.#passphrases.delete(file);
  }

  /** Whether the passphrase was asked for as often as it may be, for nothing. */
  usedUp(file: string): boolean {
    return (this.#asked.get(file) ?? 0) >= TRIES;
  }

  /** Whether there may be a password for becoming root that a host has not refused yet. */
  mayHavePassword(refused: readonly Buffer[]): boolean {
    const known = [...this.#passwords.values()];
    const unread = known.length === 0 && this.#passwordFile !== undefined;
    return refused.length < TRIES && (this.interactive || unread || known.some((password) => password.offers(refused)));
  }

  /** The password with which an account becomes root, wherever it does. */
  password(account: string): SharedPassword {
    let password = this.#passwords.get(account);
    if (password === undefined) {
      const path = this.#passwordFile;
      const file = path === undefined ? undefined : async () => this.#hold(await readPasswordFile(path));
      password = new SharedPassword(account, { ask: (question) => this.#ask(question), file });
      this.#passwords.set(account, password);
    }
    return password;
  }

  /** Overwrites everything. */
  [Symbol.dispose](): void {
    this.seal();
    for (const secret of this.#held) secret.fill(0);
    this.#held.clear();
    this.#passphrases.clear();
    this.#passwords.clear();
  }

  async #askPassphrase(
    file: string,
    opens: (passphrase: Buffer) => boolean | Promise<boolean>,
  ): Promise<Buffer | undefined> {
    for (;;) {
      const asked = this.#asked.get(file) ?? 0;
      if (asked >= TRIES) return undefined;
      const passphrase = await this.#ask(`${asked === 0 ? "" : "Wrong. "}Passphrase of ${file}: `);
      if (passphrase === undefined) return undefined;
      this.#asked.set(file, asked + 1);
      if (await opens(passphrase)) return passphrase;
      this.#forget(passphrase);
    }
  }

  async #ask(question: string): Promise<Buffer | undefined> {
    const answer = this.#turn.then(async () => {
      if (this.#prompt === undefined) return undefined;
      keepOutOfCoreDumps();
      let secret = await this.#prompt(question);
      // An Enter too many is no answer, and would count as a failure.
      while (secret?.length === 0) secret = await this.#prompt(question);
      // Who will not answer one question wants out.
      if (secret === null) this.seal();
      return secret === null ? undefined : this.#hold(secret);
    });
    this.#turn = answer.catch(() => {});
    return answer;
  }

  #hold(secret: Buffer): Buffer {
    keepOutOfCoreDumps();
    this.#held.add(secret);
    return secret;
  }

  #forget(secret: Buffer): void {
    secret.fill(0);
    this.#held.delete(secret);
  }
}

/**
 * Node cannot set RLIMIT_CORE, but Linux lets a process say which of its memory a core dump may have: none, then (core(5)).
 * Children inherit that; a secret never reaches them anyhow.
 */
function keepOutOfCoreDumps(): void {
  try {
    writeFileSync("/proc/self/coredump_filter", "0");
  } catch {
    // Another kernel: docs/ssh.md says so.
  }
}
