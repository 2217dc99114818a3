/**
 * Parses `--log-format internal-json` of nix 2.8 … 2.34: one record a line, `@nix {…}`.
 * Lines that are none (2.8 prints a stack overflow past its own logger) are kept as they are.
 */
import { StringDecoder } from "node:string_decoder";
import { stripVTControlCharacters } from "node:util";
import { z } from "zod";

/** Where in a file; 1-based. `file` is an absolute path, or null when the code came from the command line. */
export interface Position {
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
}

export interface TraceEntry extends Position {
  readonly message: string;
}

/** What nix reports as an error, without colours and without the rendered trace. */
export interface NixError extends Position {
  readonly message: string;
  /** Innermost first. */
  readonly trace: readonly TraceEntry[];
}

export type LogRecord =
  | { readonly kind: "error"; readonly error: NixError }
  /** Warnings, traces, activities. `level` as in nix: 0 error, 1 warning, 2 notice, 3 info, 4 and above: talk. */
  | { readonly kind: "message"; readonly level: number; readonly text: string }
  | { readonly kind: "build-started"; readonly drvPath: string }
  /** A line that a builder printed. */
  | { readonly kind: "build-line"; readonly drvPath: string; readonly line: string }
  /** Derivations: how many are done, expected in all, running, failed. */
  | {
      readonly kind: "build-progress";
      readonly done: number;
      readonly expected: number;
      readonly running: number;
      readonly failed: number;
    }
  /** Not a record. */
  | { readonly kind: "plain"; readonly line: string };

/** Of nix' `ActivityType` and `ResultType` (src/libutil/logging.hh). */
const BUILDS_ACTIVITY = 104;
const BUILD_ACTIVITY = 105;
const BUILD_LINE_RESULT = 101;
const PROGRESS_RESULT = 105;
const POST_BUILD_LINE_RESULT = 107;

/** A record longer than this is not kept; a trace of 10,000 frames takes 2 MB. */
const LONGEST_LINE = 16 * 1024 * 1024;
/** Of one text, in characters: more than that nobody reads, and there may be many. */
const LONGEST_TEXT = 16 * 1024;

const place = {
  file: z.string().nullish(),
  line: z.number().nullish(),
  column: z.number().nullish(),
};
const record = z.discriminatedUnion("action", [
  z.object({
    action: z.literal("msg"),
    level: z.number(),
    msg: z.string(),
    raw_msg: z.string().optional(),
    ...place,
    trace: z.array(z.object({ raw_msg: z.string(), ...place })).optional(),
  }),
  z.object({
    action: z.literal("start"),
    id: z.number(),
    level: z.number(),
    type: z.number(),
    text: z.string(),
    fields: z.array(z.unknown()).optional(),
  }),
  z.object({ action: z.literal("stop"), id: z.number() }),
  z.object({ action: z.literal("result"), id: z.number(), type: z.number(), fields: z.array(z.unknown()) }),
]);

/** Feed it what comes, in any pieces; `end` when there is no more. */
export class LogParser {
  readonly #onRecord: (record: LogRecord) => void;
  readonly #decoder = new StringDecoder("utf8");
  /** What came since the last newline: pieces, joined only when the line is whole. */
  #pending: string[] = [];
  #pendingLength = 0;
  /** Build activities that are under way, by id. */
  readonly #builds = new Map<number, string>();
  #allBuilds: number | null = null;

  constructor(onRecord: (record: LogRecord) => void) {
    this.#onRecord = onRecord;
  }

  write(chunk: Buffer): void {
    const lines = this.#decoder.write(chunk).split("\n");
    const rest = lines.pop()!;
    for (const line of lines) {
      this.#keep(line);
      this.#flush();
    }
    this.#keep(rest);
  }

  end(): void {
    this.#keep(this.#decoder.end());
    if (this.#pendingLength > 0) this.#flush();
  }

  #keep(piece: string): void {
    this.#pendingLength += piece.length;
    if (this.#pendingLength <= LONGEST_LINE) this.#pending.push(piece);
  }

  #flush(): void {
    const line = this.#pendingLength > LONGEST_LINE ? "(a line too long to keep)" : this.#pending.join("");
    this.#pending = [];
    this.#pendingLength = 0;
    this.#line(line);
  }

  #line(line: string): void {
    const parsed = line.startsWith("@nix ") ? record.safeParse(json(line.slice(5))) : undefined;
    if (!parsed?.success) {
      const text = clean(line);
      if (text !== "") this.#onRecord({ kind: "plain", line: text });
      return;
    }
    const entry = parsed.data;
    switch (entry.action) {
      case "msg":
        // `builtins.trace` speaks at level 0 too; only errors carry their raw message.
        if (entry.level === 0 && entry.raw_msg !== undefined) {
          const trace = (entry.trace ?? []).map((frame) => ({ message: clean(frame.raw_msg), ...position(frame) }));
          this.#onRecord({ kind: "error", error: { message: clean(entry.raw_msg), ...position(entry), trace } });
        } else {
          this.#onRecord({ kind: "message", level: entry.level, text: clean(entry.msg) });
        }
        break;
      case "start": {
        const drvPath = entry.fields?.[0];
        if (entry.type === BUILD_ACTIVITY && typeof drvPath === "string") {
          this.#builds.set(entry.id, drvPath);
          this.#onRecord({ kind: "build-started", drvPath });
        } else if (entry.type === BUILDS_ACTIVITY) {
          this.#allBuilds = entry.id;
        } else if (entry.text !== "") {
          this.#onRecord({ kind: "message", level: entry.level, text: clean(entry.text) });
        }
        break;
      }
      case "stop":
        this.#builds.delete(entry.id);
        break;
      case "result":
        this.#result(entry.id, entry.type, entry.fields);
    }
  }

  #result(id: number, type: number, fields: readonly unknown[]): void {
    const drvPath = this.#builds.get(id);
    if (drvPath !== undefined && (type === BUILD_LINE_RESULT || type === POST_BUILD_LINE_RESULT)) {
      this.#onRecord({ kind: "build-line", drvPath, line: clean(textOf(fields[0])) });
    } else if (id === this.#allBuilds && type === PROGRESS_RESULT) {
      const [done = 0, expected = 0, running = 0, failed = 0] = fields.map(numberOf);
      this.#onRecord({ kind: "build-progress", done, expected, running, failed });
    }
  }
}

// String() and Number() throw for what JSON may hold: {"toString": 1}, or lists in lists without end.
function textOf(field: unknown): string {
  return typeof field === "string" ? field : "";
}

function numberOf(field: unknown): number {
  return typeof field === "number" ? field : 0;
}

function position(of: {
  file?: string | null | undefined;
  line?: number | null | undefined;
  column?: number | null | undefined;
}): Position {
  // 2.26 appends line and column to the file; for code of the command line the "file" is that code (2.8) or «string» (2.26).
  const file = of.file?.replace(/:\d+:\d+$/, "");
  return { file: file?.startsWith("/") ? file : null, line: of.line ?? null, column: of.column ?? null };
}

/** Without colours, cursor movements and carriage returns: what nix and builders print goes to terminals of ours. */
function clean(text: string): string {
  const cleaned = stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "");
  const more = cleaned.length - LONGEST_TEXT;
  // A piece of a string would hold on to all of it.
  return more > 0 ? Buffer.from(`${cleaned.slice(0, LONGEST_TEXT)} … (${more} more characters)`).toString() : cleaned;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
