/** The password on one host: verified by one command at a time, and never sent again once the host has refused it. */

import type { Secrets } from "../secrets.ts";
import type { SharedPassword, Verdict } from "./shared-password.ts";
import type { PasswordTaker } from "./way.ts";

/**
 * A password that the host has taken before, and refuses, may be right again: the new system has another one, and the host goes
 * back. It is tried once more, later than any confirmation ends by default, since three failures in a row lock an account (faillock).
 */
const AGAIN_MS = 60_000;

export class HostPassword implements PasswordTaker {
  readonly #node: string;
  readonly #secrets: Secrets | undefined;
  readonly #refused: Buffer[] = [];
  #account: string | undefined;
  #shared: SharedPassword | undefined;
  #taken: Buffer | undefined;
  /** When, on the monotonic clock, the password that the host had taken was refused. */
  #turnedDown: number[] = [];
  /** Ends when the password that is being tried is found right or wrong. */
  #verdict: PromiseWithResolvers<void> | undefined;

  constructor(node: string, secrets: Secrets | undefined) {
    this.#node = node;
    this.#secrets = secrets;
  }

  /** Whether it makes sense to let sudo ask: a question without an answer counts as a failure, too. */
  get mayBeKnown(): boolean {
    if (this.#taken !== undefined) return this.#maySendAgain();
    return this.#secrets?.mayHavePassword(this.#refused) === true;
  }

  /** Whose password the host has refused, if it has. */
  get refusedAccount(): string | undefined {
    return this.#refused.length > 0 || this.#turnedDown.length > 0 ? this.#account : undefined;
  }

  async next(account: string): Promise<Buffer | undefined> {
    while (this.#verdict) await this.#verdict.promise;
    if (this.#taken) return this.#maySendAgain() ? this.#taken : undefined;
    this.#verdict = Promise.withResolvers();
    this.#account = account;
    this.#shared = this.#secrets?.password(account);
    try {
      const password = await this.#untried();
      if (password === undefined) this.#judged();
      return password;
    } catch (error) {
      this.#judged();
      throw error;
    }
  }

  settle(password: Buffer, verdict: Verdict): void {
    if (verdict === "accepted") {
      this.#taken = password;
      this.#turnedDown = [];
    }
    if (verdict === "refused" && this.#taken === password) this.#turnedDown.push(performance.now());
    else if (verdict === "refused") this.#refused.push(password);
    this.#shared?.settle(password, verdict);
    this.#judged();
  }

  async #untried(): Promise<Buffer | undefined> {
    for (;;) {
      const password = await this.#shared?.next(this.#node, this.#refused);
      if (password === undefined || !this.#refused.some((wrong) => wrong.equals(password))) return password;
      // The same one typed once more counts as a try, and stays here.
      this.#refused.push(password);
      this.#shared?.settle(password, "refused");
    }
  }

  #maySendAgain(): boolean {
    const [first, second] = this.#turnedDown;
    return first === undefined || (second === undefined && performance.now() - first > AGAIN_MS);
  }

  #judged(): void {
    this.#verdict?.resolve();
    this.#verdict = undefined;
  }
}
