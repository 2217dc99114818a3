/** The script as it is sent, run by this machine's own shell: nothing of what a login shell prints may hide its answer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Activator } from "../../../src/activator/activator.ts";
import { RefusedError } from "../../../src/errors.ts";
import type { Connection } from "../../../src/host/connection.ts";
import { quote } from "../../../src/host/quote.ts";
import type { Command } from "../../../src/process.ts";
import { runLocal } from "../../../src/process.ts";

function loginShellThat(prints: string): Connection {
  return {
    node: "here",
    address: "here",
    user: "root",
    silenceMs: 20_000,
    lost: new AbortController().signal,
    run: ({ argv, stdin = "" }: Command) =>
      runLocal({ argv: ["/bin/sh", "-c", `printf %s ${quote([prints])}; ${quote(argv)}`], stdin }),
    open: () => Promise.reject(new Error("the activator needs no channels")),
    close: () => Promise.resolve(),
  };
}

for (const noise of ["", "Welcome!\n", "without a newline", '{"protocol":2,"state":"committed"}', "log 5\n", "log 5"]) {
  test(`an answer is found behind ${JSON.stringify(noise)}`, async () => {
    await assert.rejects(
      new Activator(loginShellThat(noise)).status("run-of-nobody"),
      (error) => error instanceof RefusedError && error.reason === "no-such-run",
    );
  });
}
