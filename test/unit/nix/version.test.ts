import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { MissingToolError } from "../../../src/errors.ts";
import { nixVersion, parseVersion } from "../../../src/nix/version.ts";

describe("parseVersion", () => {
  for (const [output, version] of [
    ["nix (Nix) 2.8.0\n", [2, 8, 0, "2.8.0"]],
    ["nix (Nix) 2.26.3", [2, 26, 3, "2.26.3"]],
    ["nix (Nix) 2.25.0pre20240910_5d6a8f5\n", [2, 25, 0, "2.25.0pre20240910_5d6a8f5"]],
    ["nix (Lix, like Nix) 2.91.1\nSystem type: x86_64-linux\n", [2, 91, 1, "2.91.1"]],
    ["nix (Determinate Nix 3.6.5) 2.29.0\n", [2, 29, 0, "2.29.0"]],
    ["nix (Nix) 3.0\n", [3, 0, 0, "3.0"]],
  ] as const) {
    const [major, minor, patch, text] = version;
    it(output.trim(), () => assert.deepEqual(parseVersion(output), { major, minor, patch, text }));
  }

  for (const output of ["", "nix: command not found", "nix (Nix) unknown"]) {
    it(`nothing of ${JSON.stringify(output)}`, () => assert.equal(parseVersion(output), undefined));
  }
});

describe("nixVersion", () => {
  const directory = mkdtempSync(join(tmpdir(), "bungee-version-"));
  const path = process.env.PATH;
  after(() => {
    process.env.PATH = path;
    rmSync(directory, { recursive: true });
  });
  before(() => {
    process.env.PATH = directory;
  });
  const installed = (says: string) => {
    writeFileSync(join(directory, "nix"), `#!/bin/sh\n${says}\n`);
    chmodSync(join(directory, "nix"), 0o755);
  };

  it("says that nix is missing", async () => {
    await assert.rejects(nixVersion(), (error) => error instanceof MissingToolError && /install nix/.test(error.mend));
  });

  it("refuses a nix without flakes", async () => {
    installed("echo 'nix (Nix) 2.3.16'");
    await assert.rejects(nixVersion(), { name: "MissingToolError", message: "nix 2.3.16 is too old" });
  });

  it("refuses what is no nix, with what it said", async () => {
    installed("echo unwell >&2; exit 1");
    await assert.rejects(nixVersion(), { name: "MissingToolError", detail: "unwell" });
  });

  it("reads what is there", async () => {
    installed("echo 'nix (Nix) 2.8.0'");
    assert.equal((await nixVersion()).minor, 8);
  });
});
