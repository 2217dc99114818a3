/** A host that says nothing on a line that lives: the line is given up, as if it were lost, and another is tried. */
import { ConnectionLostError } from "../errors.ts";

/** What asks the host: stops when the signal aborts, and tells of every sign of life where there is more than one. */
type Ask<T> = (options: { readonly signal: AbortSignal; readonly onBeat: () => void }) => Promise<T>;

/** @throws ConnectionLostError when nothing was heard for so many milliseconds */
export async function unlessSilent<T>(ms: number, ask: Ask<T>): Promise<T> {
  const silence = new AbortController();
  const giveUp = () => {
    const seconds = Math.round(ms / 1000);
    silence.abort(
      new ConnectionLostError(`nothing came from the host for ${seconds} s`, { mend: "a new line is tried" }),
    );
  };
  const timer = setTimeout(giveUp, ms);
  try {
    return await ask({ signal: silence.signal, onBeat: () => timer.refresh() });
  } finally {
    clearTimeout(timer);
  }
}

/** A question with one answer. The slowest has to look at every path of a closure. */
export const ANSWER_MS = 60_000;
