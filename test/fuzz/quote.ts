/** Argument vectors as one line, read back by real shells: the same words, and nothing else done. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { quote } from "../../src/host/quote.ts";
import type { Random } from "../chaos/random.ts";
import { CANARY, hostileText, listOf, mutated } from "./hostile.ts";
import { BadCase, type Bench, type Target } from "./target.ts";

type Input = readonly string[];

/** Login shells that a host may have; a `-f` keeps zsh's own files out. */
const SHELLS: readonly (readonly [string, ...string[]])[] = [
  ["dash"],
  ["bash"],
  ["bash", "--posix"],
  ["zsh", "-f"],
  ["fish", "--no-config"],
];

class Shells implements Bench<Input> {
  readonly #folder = mkdtempSync(join(tmpdir(), "bungee-fuzz-"));
  readonly #shells = SHELLS.filter(([shell]) => !spawnSync(shell, ["-c", ":"]).error);

  async check(inputs: readonly Input[]): Promise<void> {
    // One word a vector begins with tells them apart; NUL ends each word, since none can hold it.
    const script = inputs.map((argv, index) => `printf '%s\\0' ${quote([`case ${index}`, ...argv])}\n`).join("");
    const file = join(this.#folder, "script");
    writeFileSync(file, script);
    mkdirSync(join(this.#folder, "cwd"), { recursive: true });
    for (const shell of this.#shells) {
      const options = {
        cwd: join(this.#folder, "cwd"),
        maxBuffer: 2 ** 30,
        env: { ...process.env, LC_ALL: "C.UTF-8", HOME: this.#folder },
      };
      const read = execFileSync(shell[0], [...shell.slice(1), file], options).toString();
      const words = read.split("\0").slice(0, -1);
      for (const [index, argv] of inputs.entries()) {
        const seen = words.splice(0, argv.length + 1);
        try {
          assert.deepEqual(seen, [`case ${index}`, ...argv], shell.join(" "));
        } catch (error) {
          throw new BadCase(index, error);
        }
      }
      assert.deepEqual(words, [], "words that nobody said");
    }
    assert.ok(!existsSync(CANARY), "something was executed");
    assert.deepEqual(readdirSync(join(this.#folder, "cwd")), []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function generate(random: Random): Input {
  return listOf(random, 1, 6, () =>
    (random.chance(70) ? hostileText(random) : mutated(random, "/nix/store/x-y")).slice(0, 20_000).toWellFormed(),
  );
}

export const quoting: Target<Input> = {
  name: "quote",
  share: 1500,
  atOnce: 500,
  generate,
  open: async () => new Shells(),
};
