/** Rows that are redrawn in place by listr2, and taken away when something else wants the terminal. */
import { Listr, ListrLogger, ListrTaskState, ProcessOutput, Spinner } from "listr2";
import type { Row } from "./rows.ts";

const STATES: Record<Row["mark"], ListrTaskState> = {
  waiting: ListrTaskState.WAITING,
  working: ListrTaskState.STARTED,
  "going-back": ListrTaskState.ROLLING_BACK,
  good: ListrTaskState.COMPLETED,
  skipped: ListrTaskState.SKIPPED,
  "went-back": ListrTaskState.ROLLED_BACK,
  bad: ListrTaskState.FAILED,
  note: ListrTaskState.CANCELLED,
};

export class LiveRows {
  readonly #output: NodeJS.WriteStream;
  readonly #draw: () => readonly Row[];
  #wanted = false;
  /** How many ask for the terminal at this moment. */
  #away = 0;
  #drawing: Drawing | null = null;

  constructor(output: NodeJS.WriteStream, draw: () => readonly Row[]) {
    this.#output = output;
    this.#draw = draw;
  }

  start(): void {
    this.#wanted = true;
    if (this.#away === 0) this.#drawing ??= new Drawing(this.#output, this.#draw);
  }

  /** No more drawing after the next `without`. */
  finish(): void {
    this.#wanted = false;
  }

  /** Takes the rows away while `work` has the terminal. */
  async without<T>(work: () => Promise<T>): Promise<T> {
    this.#away += 1;
    try {
      await this.#drawing?.stop();
      this.#drawing = null;
      return await work();
    } finally {
      this.#away -= 1;
      if (this.#wanted) this.start();
    }
  }
}

/** One life of a listr: each of its tasks is a row, not a node, since a terminal may have fewer rows than a fleet has nodes. */
class Drawing {
  readonly #listr: Listr;
  readonly #streams: ProcessOutput;
  readonly #ended: Promise<unknown>;
  #end: () => void = () => {};
  #stopped = false;

  constructor(output: NodeJS.WriteStream, draw: () => readonly Row[]) {
    const end = new Promise<void>((resolve) => {
      this.#end = resolve;
    });
    const capacity = Math.max(output.rows ?? 24, draw().length) + 20;
    this.#streams = new ProcessOutput(output);
    this.#listr = new Listr(
      Array.from({ length: capacity }, () => ({ task: () => end })),
      {
        concurrent: true,
        exitOnError: false,
        // Ctrl-C is the deployment's to decide about.
        registerSignalListeners: false,
        rendererOptions: {
          clearOutput: true,
          formatOutput: "truncate",
          spinner: new Ticker(() => this.#show(draw())),
          logger: new ListrLogger({ useIcons: true, toStderr: [], processOutput: this.#streams }),
          icon: { CANCELLED: "⚠" },
        },
      },
    );
    this.#ended = this.#listr.run();
    process.once("exit", this.#leave);
  }

  /** Leaving in the middle: the cursor comes back, and so does what was said on stderr meanwhile. */
  readonly #leave = () => this.#streams.release();

  #show(rows: readonly Row[]): void {
    if (this.#stopped) return;
    for (const [index, task] of this.#listr.tasks.entries()) {
      const row = rows[index];
      if (row) {
        task.state = STATES[row.mark];
        task.title = row.text;
      } else {
        delete task.title;
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const task of this.#listr.tasks) delete task.title;
    this.#end();
    await this.#ended;
    process.off("exit", this.#leave);
  }
}

/** Rows are brought up to date just before each frame, rather than at each event. */
class Ticker extends Spinner {
  readonly #beforeFrame: () => void;

  constructor(beforeFrame: () => void) {
    super();
    this.#beforeFrame = beforeFrame;
  }

  override start(draw?: () => void, interval?: number): void {
    super.start(() => {
      this.#beforeFrame();
      draw?.();
    }, interval);
  }
}
