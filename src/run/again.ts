/** What a broken line has cut short goes on over a new one: copies and builds lose nothing of what they have done. */
import { BungeeError, ConnectionLostError } from "../errors.ts";
import { pause } from "./clock.ts";

/** Before the second try, and the third: a router may come back in that time. */
const PAUSES_MS = [1000, 4000] as const;

interface Again {
  /** Aborted: nothing is tried any more. */
  readonly signal: AbortSignal;
  /** Told what was in the way, each time that it goes on. */
  readonly say: (line: string) => void;
  /** In all. Default: 3. */
  readonly tries?: number;
  /** What else may be otherwise a moment later. */
  readonly passes?: (error: unknown) => boolean;
}

/**
 * Tries again where the line broke, and where the host cannot be reached then. What a host refuses it would refuse again.
 * @param work asks for the line each time
 * @throws what the last try threw
 */
export async function again<T>(
  work: (attempt: number) => Promise<T>,
  { signal, say, tries = PAUSES_MS.length + 1, passes = () => false }: Again,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt === tries || signal.aborted || !(isBroken(error) || passes(error))) throw error;
      say(`${(error as Error).message}; trying again`);
      await pause(PAUSES_MS[attempt - 1]!, signal);
    }
  }
}

const isBroken = (error: unknown): boolean =>
  error instanceof ConnectionLostError || (error instanceof BungeeError && error.code === "unreachable");
