/** The faults of test/faults can still be put in, and the tests that must catch them are there. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { FAULTS } from "../faults/faults.ts";

const checkout = join(import.meta.dirname, "..", "..");

for (const { pitfall, what, edits, caughtBy } of FAULTS) {
  it(`${pitfall}, ${what}: found once, and changes something`, () => {
    for (const { file, find, replace } of edits) {
      assert.equal(readFileSync(join(checkout, file), "utf8").split(find).length - 1, 1, `${file}: ${find}`);
      assert.notEqual(find, replace);
    }
    assert.ok(existsSync(join(checkout, caughtBy.file)), caughtBy.file);
  });
}

it("every pitfall has a fault", () => {
  const missing = Array.from({ length: 20 }, (_, index) => `P${index + 1}`).filter(
    (name) => !FAULTS.some(({ pitfall }) => pitfall === name),
  );
  assert.deepEqual(missing, []);
});
