import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { explain, untrackedHint } from "../../../src/nix/explain.ts";
import type { NixError } from "../../../src/nix/log.ts";
import type { NixFinished } from "../../../src/nix/run.ts";

const path = "/nix/store/00000000000000000000000000000000-source";
const nowhere = { file: null, line: null, column: null };

function finished(...errors: NixError[]): NixFinished {
  return { code: 1, signal: null, stdout: "", errors, plain: [] };
}

describe("explain", () => {
  it("shows positions as paths of the user's own files", () => {
    const error = {
      message: `path '${path}/a.nix' does not exist`,
      file: `${path}/hosts/web1.nix`,
      line: 3,
      column: 5,
      trace: [],
    };
    const source = { path, fromWorkTree: true };
    assert.equal(explain(finished(error), source), "path 'a.nix' does not exist\nat hosts/web1.nix:3:5");
  });

  it("takes the innermost frame in the user's files where the error itself has no place there", () => {
    const trace = [
      { message: "while calling throw", file: "/nix/store/x-nixpkgs/lib/asserts.nix", line: 1, column: 1 },
      { message: "from call site", file: `${path}/web.nix`, line: 7, column: 3 },
      { message: "from call site", file: `${path}/flake.nix`, line: 9, column: 9 },
    ];
    const text = explain(finished({ message: "no", ...nowhere, trace }), { path, fromWorkTree: true });
    assert.equal(text, "no\nat web.nix:7:3");
  });

  it("names each option on the way once, and not the module system's inner workings", () => {
    const option = (name: string) => ({ message: `while evaluating the option \`${name}':`, ...nowhere });
    const trace = [
      option("a"),
      { message: "while calling anonymous lambda", ...nowhere },
      option("a"),
      { message: "while evaluating definitions from `b.nix':", ...nowhere },
      { message: "while evaluating definitions from `/nix/store/x-nixpkgs/c.nix':", ...nowhere },
    ];
    assert.equal(
      explain(finished({ message: "no", ...nowhere, trace })),
      "no\nwhile evaluating the option `a'\nwhile evaluating definitions from `b.nix'",
    );
  });

  it("says how many options it leaves out", () => {
    const trace = Array.from({ length: 20 }, (_, index) => ({
      message: `while evaluating the option \`o${index}':`,
      ...nowhere,
    }));
    const lines = explain(finished({ message: "no", ...nowhere, trace })).split("\n");
    assert.equal(lines.length, 8);
    assert.equal(lines.at(-1), "(and 14 more)");
  });

  it("falls back to what was printed, and to the exit code", () => {
    assert.equal(explain({ ...finished(), plain: ["error: stack overflow"] }), "error: stack overflow");
    assert.equal(explain({ ...finished(), code: 7 }), "nix ended with exit code 7 and said nothing");
    assert.equal(explain({ ...finished(), code: null, signal: "SIGKILL" }), "nix ended with SIGKILL and said nothing");
  });
});

describe("untrackedHint", () => {
  const error = { message: `path '${path}/a.nix' does not exist`, ...nowhere, trace: [] };
  it("is for a missing file of a work tree", () => {
    assert.match(untrackedHint(finished(error), { path, fromWorkTree: true }) ?? "", /git add/);
  });
  it("is not for other trees", () => {
    assert.equal(untrackedHint(finished(error), { path, fromWorkTree: false }), undefined);
    const elsewhere = { ...error, message: "path '/nix/store/x-nixpkgs/a.nix' does not exist" };
    assert.equal(untrackedHint(finished(elsewhere), { path, fromWorkTree: true }), undefined);
    const option = { ...error, message: `The option \`services.ngnix' defined in \`${path}/a.nix' does not exist.` };
    assert.equal(untrackedHint(finished(option), { path, fromWorkTree: true }), undefined);
  });
});
