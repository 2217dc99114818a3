/** Ctrl-C, and the signals by which CI runners and logouts end a program. */

import { interrupted } from "../run/deploy.ts";
import type { Emit } from "../run/events.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The first signal stops what has not begun; hosts in activation come to their end. The second one leaves at once. */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #emit: Emit;
  readonly #leave: () => void;
  readonly #listener = (signal: NodeJS.Signals) => this.interrupt(signal === "SIGINT" ? "Ctrl-C" : signal);

  constructor(emit: Emit, leave: () => void) {
    this.#emit = emit;
    this.#leave = leave;
    for (const signal of SIGNALS) process.on(signal, this.#listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  interrupt(by: string, meaning: string = AT_WORK): void {
    if (this.signal.aborted) {
      this.#leave();
      return;
    }
    this.#emit({ type: "notice", level: "warning", message: `${by}: ${meaning}` });
    this.#controller.abort(interrupted());
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#listener);
  }
}

const AT_WORK =
  "nothing new is started; hosts in activation come to their end. Once more leaves at once, and those hosts decide for themselves.";
