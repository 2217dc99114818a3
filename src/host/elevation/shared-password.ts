/**
 * One account's password for becoming root, which may be the same on every host. A new one is tried on one host alone, and only when
 * that has taken it on others: a slip of the finger is one failure, not one on each of a hundred hosts that share a directory service.
 */

/** As sudo has it. */
const TRIES = 3;
/** A file's password that two hosts refuse is wrong; one host may be another's. */
const FILE_REFUSALS = 2;

export type Verdict = "accepted" | "refused" | "unsent";

export interface PasswordSource {
  /** @returns undefined where nobody can be asked, or will say */
  ask(question: string): Promise<Buffer | undefined>;
  /** @throws ConfigurationError */
  readonly file: (() => Promise<Buffer>) | undefined;
}

export class SharedPassword {
  readonly #account: string;
  readonly #source: PasswordSource;
  #proven: Buffer | undefined;
  #file: Buffer | undefined;
  #fileRefusals = 0;
  /** It was asked for, and could not be sent: the next host tries it. */
  #unsent: Buffer | undefined;
  /** Held by the one host that tries what is not proven. */
  #turn: PromiseWithResolvers<void> | undefined;

  constructor(account: string, source: PasswordSource) {
    this.#account = account;
    this.#source = source;
  }

  /** Whether there is one to try without asking anybody. */
  offers(refused: readonly Buffer[]): boolean {
    return this.#proven ? !refused.includes(this.#proven) : this.#fileIsLeft(refused);
  }

  /**
   * What to try next on a host; `settle` has to follow. The buffer stays ours.
   * @param refused by this host so far
   */
  async next(node: string, refused: readonly Buffer[]): Promise<Buffer | undefined> {
    if (refused.length >= TRIES) return undefined;
    while (this.#turn && !this.#proven) await this.#turn.promise;
    if (this.#proven && !refused.includes(this.#proven)) return this.#proven;
    if (this.#proven)
      return this.#source.ask(`${node} refuses what other hosts took. Password of ${this.#account} there: `);
    this.#turn = Promise.withResolvers();
    try {
      const password = await this.#untried(node, refused);
      if (password === undefined) this.#release();
      return password;
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  settle(password: Buffer, verdict: Verdict): void {
    if (verdict === "accepted") this.#proven ??= password;
    if (verdict === "unsent") this.#unsent = password;
    if (verdict === "refused" && password === this.#file) this.#fileRefusals += 1;
    this.#release();
  }

  async #untried(node: string, refused: readonly Buffer[]): Promise<Buffer | undefined> {
    const unsent = this.#unsent;
    this.#unsent = undefined;
    if (unsent) return unsent;
    if (this.#fileIsLeft(refused)) {
      this.#file ??= await this.#source.file?.();
      return this.#file;
    }
    return await this.#source.ask(
      refused.length > 0
        ? `${node} refuses that. Password of ${this.#account}: `
        : `Password of ${this.#account}, to become root (${node} asks; it is tried on every host that does): `,
    );
  }

  #fileIsLeft(refused: readonly Buffer[]): boolean {
    if (this.#source.file === undefined || this.#fileRefusals >= FILE_REFUSALS) return false;
    return this.#file === undefined || !refused.includes(this.#file);
  }

  #release(): void {
    this.#turn?.resolve();
    this.#turn = undefined;
  }
}
