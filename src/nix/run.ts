/** Runs a nix command with its log parsed. */
import { type Command, type Exit, type LocalOptions, runLocal } from "../process.ts";
import { LogParser, type LogRecord, type NixError } from "./log.ts";

export interface NixFinished extends Exit {
  readonly stdout: string;
  /** The first ones. */
  readonly errors: readonly NixError[];
  /** The last lines on stderr that were no log records. */
  readonly plain: readonly string[];
}

export interface NixOptions extends Pick<LocalOptions, "signal" | "cwd" | "env" | "onSpawn"> {
  readonly onRecord?: (record: LogRecord) => void;
}

const PLAIN_LINES_KEPT = 50;
/** Characters of errors, traces included, after which no more are kept. */
const ERRORS_KEPT = 4 * 1024 * 1024;

/**
 * `--log-format internal-json` is added; a failing exit code is a result, not an error.
 * @throws MissingToolError when nix is not there.
 */
export async function runNix(command: Command, options: NixOptions = {}): Promise<NixFinished> {
  const errors: NixError[] = [];
  const plain: string[] = [];
  let size = 0;
  const parser = new LogParser((record) => {
    if (record.kind === "error" && size < ERRORS_KEPT) {
      errors.push(record.error);
      size += sizeOf(record.error);
    }
    if (record.kind === "plain") plain.push(record.line);
    if (plain.length > PLAIN_LINES_KEPT) plain.shift();
    options.onRecord?.(record);
  });
  const { onRecord: _, ...local } = options;
  const finished = await runLocal(
    { ...command, argv: [...command.argv, "--log-format", "internal-json"] },
    { ...local, keepStderr: 0, onStderr: (chunk) => parser.write(chunk) },
  );
  parser.end();
  return { code: finished.code, signal: finished.signal, stdout: finished.stdout, errors, plain };
}

function sizeOf({ message, trace }: NixError): number {
  return trace.reduce((sum, frame) => sum + frame.message.length, message.length);
}

/** Everything nix said of its failure, as one text. */
export function said(finished: NixFinished): string {
  const text = finished.errors.map((error) => error.message).join("\n") || finished.plain.join("\n");
  return text || `nix ended with ${finished.signal ?? `exit code ${finished.code}`} and said nothing`;
}
