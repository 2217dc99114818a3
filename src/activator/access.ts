/** How a script of ours is asked for something on a host: sent along with every question, or installed there behind a gate. */
import type { Connection } from "../host/connection.ts";
import type { Finished, RunOptions } from "../process.ts";
import { isAnswered, isGate } from "./protocol.ts";
import { streamed } from "./script.ts";

export interface Question {
  /** What the script is called in a list of processes. */
  readonly name: string;
  /** What is sent where there is no gate. */
  readonly script: string;
  readonly words: readonly string[];
  /** For standard input. */
  readonly input?: string;
  /** What is asked behind a gate. Left out: the same, by the script's name. */
  readonly gated?: readonly [string, ...string[]];
}

/** What a login is good for; learnt by the first question, and kept for all connections to that host. */
export class Access {
  #restricted = false;

  /** Whether a gate stands before the host: only plain words for what is installed there, and nix-daemon. Known once a question was answered. */
  get restricted(): boolean {
    return this.#restricted;
  }

  async ask(connection: Connection, question: Question, options?: RunOptions): Promise<Finished> {
    const { name, script, words, input = "", gated: [program, ...plainly] = [name, ...words] } = question;
    if (!this.#restricted) {
      const finished = await connection.run(streamed(name, script, words, input), options);
      if (!isGate(finished)) return finished;
      this.#restricted = true;
    }
    const finished = await connection.run({ argv: [program, ...plainly.map(plain)], stdin: `${input}\n` }, options);
    // No answer at all: the gate went with the system that had it, as in a way back. The next question finds out.
    if (!isAnswered(finished)) this.#restricted = false;
    return finished;
  }
}

/** A gate takes no other letters; of all that is sent, only an actor may have them. */
const plain = (word: string) => word.replaceAll(/[^A-Za-z0-9+._?=/@:,%-]/g, "_");
