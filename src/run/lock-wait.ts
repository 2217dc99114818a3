/** Another run may hold a host: waiting for its end, rather than failing at once. */
import { LockedError } from "../errors.ts";
import { pause } from "./clock.ts";

const EVERY_MS = 2000;

export interface Waiting {
  /** 0: a locked host is an error at once. */
  readonly seconds: number;
  /** Aborted: nobody waits any more. */
  readonly signal: AbortSignal;
  /** Told who holds the host, each time that it is another one. */
  readonly say: (line: string) => void;
}

/**
 * Tries again while a run holds the host. Nothing of the try that was refused is left on it.
 * @throws LockedError of the last try when the time is over; the signal's reason
 */
export async function whenUnlocked<T>(work: () => Promise<T>, { seconds, signal, say }: Waiting): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  let holder: string | undefined;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const left = deadline - performance.now();
      if (!(error instanceof LockedError) || left <= 0) throw error;
      if (error.message !== holder) say(`waits for at most ${Math.ceil(left / 1000)} s: ${error.message}`);
      holder = error.message;
      await pause(Math.min(EVERY_MS, left), signal);
    }
  }
}
