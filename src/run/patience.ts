/** How a host is waited for that is away, slow, or lets nobody in: one formula for everybody who waits for one. */
import { LoginError, UnreachableError } from "../errors.ts";
import { pause } from "./clock.ts";

/**
 * What the first try to log in may take, and the least that the last one has: a firewall that drops silently must not eat all the time there is.
 * Each that took all of its time gives the next one twice as much: sshd may wait for a name server or a directory of users, and would
 * never get to its answer. A host that does not even take the connection is not worth more than the longest: TCP asks it less and less often.
 */
const TRY_MS = { first: 5000, least: 1000, longestInSilence: 10_000 };
/**
 * An sshd that refuses the key is asked less and less often: from OpenSSH 9.8 on it shuts out who fails too often (PerSourcePenalties: five
 * seconds for each, from fifteen on), and would not let the deployer see that the host went back.
 */
const REFUSED_MS = { first: 1000, longest: 8000 };

interface Wait {
  /** Milliseconds of the monotonic clock: when the last try began, and when there is no more time. */
  readonly began: number;
  readonly deadline: number;
  /** Milliseconds between the beginnings of two tries, at least. */
  readonly every: number;
}

/** What is learned of one host's logins counts for all that come after. */
export class Patience {
  #tryMs = TRY_MS.first;
  #refusals = 0;
  #lastBegan = 0;

  /** How long a try to log in, which begins now, may take. @param left of all the time there is */
  forTry(left: number): number {
    this.#lastBegan = performance.now();
    return Math.max(TRY_MS.least, Math.min(this.#tryMs, left));
  }

  /** It let us in. */
  reached(): void {
    this.#refusals = 0;
  }

  /** @param allowed what the try might take, and @param took what it did, in milliseconds */
  missed(error: unknown, allowed: number, took: number): void {
    this.#refusals = error instanceof LoginError ? this.#refusals + 1 : 0;
    if (!(error instanceof UnreachableError) || took < allowed) return;
    const twice = error.answered ? 2 * allowed : Math.min(2 * allowed, TRY_MS.longestInSilence);
    this.#tryMs = Math.max(this.#tryMs, twice);
  }

  /** Waits until a host that refused the last login may be asked for another, whoever asked it. */
  async untilAllowed(deadline: number): Promise<void> {
    await this.untilNextTry({ began: this.#lastBegan, deadline, every: 0 });
  }

  /** Waits until the next try is due. @returns false, at once, when there is no time for one */
  async untilNextTry({ began, deadline, every }: Wait): Promise<boolean> {
    const next = began + untilNextTry(every, this.#refusals, deadline - began);
    if (next > deadline) return false;
    await pause(Math.max(0, next - performance.now()));
    return true;
  }
}

/**
 * How long after the beginning of one try the next one begins, in milliseconds.
 * @param every between two tries, at least
 * @param refusals how often in a row sshd has refused the login
 * @param left of all the time there is: its end sees a try, too
 */
export function untilNextTry(every: number, refusals: number, left: number): number {
  if (refusals === 0) return every;
  const least = Math.max(every, REFUSED_MS.first);
  const patience = Math.min(least * 2 ** (refusals - 1), REFUSED_MS.longest);
  return Math.max(least, Math.min(patience, left - least));
}
