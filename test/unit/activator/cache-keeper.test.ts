/** Any name of a fleet or a node as the name of a directory on the cache's host. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { asDirectory } from "../../../src/activator/cache-keeper.ts";

test("a plain name stays as it is, and no other becomes it", () => {
  const names: Readonly<Record<string, string>> = {
    web1: "web1",
    "db-1_b.example.org": "db-1_b.example.org",
    ".": "+2e",
    "..": "+2e.",
    "../../etc": "+2e.+2f..+2fetc",
    ".hidden": "+2ehidden",
    "a b": "a+20b",
    "a+20b": "a+2b20b",
    "$(id)\n'": "+24+28id+29+0a+27",
    ü: "+c3+bc",
  };
  for (const [name, directory] of Object.entries(names)) assert.equal(asDirectory(name), directory);
  const directories = Object.keys(names).map(asDirectory);
  assert.equal(new Set(directories).size, directories.length);
  // What the gate and the keeper take.
  for (const directory of directories) assert.match(directory, /^[A-Za-z0-9_+-][A-Za-z0-9._+-]*$/);
});
