/** Tells the event stream which stage a node is in, and for how long. */
import { describeError, type ErrorReport } from "../errors.ts";
import type { Emit, Stage } from "./events.ts";

export class Stages {
  readonly #node: string;
  readonly #emit: Emit;
  #current: { stage: Stage; since: number } | undefined;

  constructor(node: string, emit: Emit) {
    this.#node = node;
    this.#emit = emit;
  }

  /** Finishes the stage before, if there is one. Entering the stage one is in does nothing. */
  enter(stage: Stage): void {
    if (this.#current?.stage === stage) return;
    this.leave();
    this.#current = { stage, since: performance.now() };
    this.#emit({ type: "stage-started", node: this.#node, stage });
  }

  leave(note?: string): void {
    if (this.#current === undefined) return;
    const { stage, since } = this.#current;
    this.#current = undefined;
    const ms = Math.round(performance.now() - since);
    this.#emit({ type: "stage-finished", node: this.#node, stage, ms, ...(note ? { note } : {}) });
  }

  fail(error: ErrorReport): void {
    if (this.#current === undefined) return;
    const { stage, since } = this.#current;
    this.#current = undefined;
    const ms = Math.round(performance.now() - since);
    this.#emit({ type: "stage-failed", node: this.#node, stage, ms, error });
  }

  /** A line on what goes on inside the stage. */
  say(line: string): void {
    this.#emit({ type: "log", node: this.#node, source: "bungee", line });
  }

  /** @param note a word on the result, for the report */
  async within<T>(stage: Stage, work: () => Promise<T>, note?: (result: T) => string): Promise<T> {
    this.enter(stage);
    try {
      const result = await work();
      this.leave(note?.(result));
      return result;
    } catch (error) {
      this.fail(describeError(error));
      throw error;
    }
  }
}
