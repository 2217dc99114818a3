/** Runs a command's work with its events going to a reporter, and with Ctrl-C going to the work. */
import { describeError } from "../errors.ts";
import type { EvaluationLine } from "../fleet/evaluation.ts";
import { linesReporter } from "../report/lines.ts";
import type { Reporter } from "../report/reporter.ts";
import { styleOf } from "../report/style.ts";
import type { Emit, Event } from "../run/events.ts";
import { failureExitCode } from "./failure.ts";
import { Interruption } from "./interruption.ts";
import { Leaving } from "./leaving.ts";
import type { Streams } from "./verb.ts";

/** The reporter is closed whatever happens; an error is told to it (for programs) and thrown on (for people). */
export async function withReporter<T>(
  reporter: Reporter,
  work: (emit: Emit, interruption: Interruption) => Promise<T>,
): Promise<T> {
  let ended = false;
  const leaving = new Leaving();
  const emit: Emit = (body) => {
    // A survey that an interruption left behind may still speak; the end is the end.
    if (ended) return;
    ended = body.type === "deployment-finished" || body.type === "command-failed";
    const event = { at: new Date().toISOString(), ...body };
    leaving.follow(event);
    reporter.event(event);
  };
  const leave = () => {
    for (const event of leaving.end(INTERRUPTED)) emit(event);
    // What is drawn has to come off the terminal, but nobody waits long for it.
    setTimeout(leaveNow, CLOSING_MS);
    reporter.close().finally(leaveNow);
  };
  using interruption = new Interruption(emit, leave);
  try {
    return await work(emit, interruption);
  } catch (error) {
    emit({ type: "command-failed", error: describeError(error), exitCode: failureExitCode(error) });
    throw error;
  } finally {
    await reporter.close();
  }
}

/** What nix says while the fleet is read. */
export function logOf(emit: Emit): (said: EvaluationLine) => void {
  return ({ node, line, verbose }) => emit({ type: "log", node, source: "nix", line, ...(verbose ? { verbose } : {}) });
}

/** For commands that print one document: only what nix says, and notices, are reported, on stderr; every word with --verbose. */
export function logReporter({ stderr }: Streams, verbose: boolean): Reporter {
  const { event, ...reporter } = linesReporter({ output: stderr, style: styleOf("stderr"), verbose });
  return { ...reporter, event: (told) => (SHOWN.includes(told.type) || verbose ? event(told) : undefined) };
}

const SHOWN: readonly Event["type"][] = ["log", "notice"];
const INTERRUPTED = 130;
const CLOSING_MS = 500;

function leaveNow(): never {
  process.stderr.write(
    "\nleft at once: hosts in activation decide for themselves; one that nobody confirmed goes back to what it ran\n",
  );
  process.exit(INTERRUPTED);
}
