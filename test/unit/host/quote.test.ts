import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { UsageError } from "../../../src/errors.ts";
import { quote } from "../../../src/host/quote.ts";

const WORDS = [
  "plain-word_1.2/3:4,5@6+7",
  "",
  " ",
  "two words",
  "tab\there",
  "new\nline",
  "\n",
  "carriage\r\nreturn",
  "it's",
  "'",
  "''",
  "'\\''",
  '"',
  '"$HOME"',
  "$(touch /tmp/bungee-was-here)",
  "`id`",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as a shell has it
  "${IFS}",
  "$'\\x41'",
  "\\",
  "\\\\",
  "\\'",
  "ends with \\",
  "a\\nb",
  ";id",
  "&&",
  "|",
  ">/tmp/bungee-was-here",
  "#comment",
  "*",
  "?",
  "[a-z]",
  "{a,b}",
  "~",
  "~root",
  "=ls",
  "A=b",
  "%self",
  "!history",
  "^caret^",
  "-n",
  "--",
  "ünï¢ode 🪢",
  "\x01\x1b[31m\x7f",
];

describe("a quoted command", () => {
  // Every machine has the first two; of the others those that are here.
  const others = ["dash", "zsh", "fish"].filter((shell) => !spawnSync(shell, ["-c", "true"]).error);
  for (const shell of ["sh", "bash", ...others]) {
    it(`is read back by ${shell} as the same words`, () => {
      const line = quote(["printf", "%s\\0", ...WORDS]);
      const { stdout, stderr } = spawnSync(shell, ["-c", line], { encoding: "utf8" });
      assert.deepEqual(stdout.split("\0").slice(0, -1), WORDS, stderr);
    });
  }

  it("stays readable where nothing needs quotes", () => {
    assert.equal(quote(["nix-daemon", "--stdio"]), "nix-daemon --stdio");
    assert.equal(quote(["nix-env", "-p", "/nix/var/nix/profiles/system"]), "nix-env -p /nix/var/nix/profiles/system");
  });

  it("does not take a first word for an assignment", () => {
    const { stdout, status } = spawnSync("sh", ["-c", quote(["A=b", "x"])], { encoding: "utf8" });
    assert.deepEqual([stdout, status], ["", 127]);
  });

  it("refuses a NUL", () => assert.throws(() => quote(["a\0b"]), UsageError));
});
