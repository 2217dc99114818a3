/** Hosts are asked together, and not all at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { UnreachableError } from "../../../src/errors.ts";
import type { Job } from "../../../src/run/job.ts";
import { Surveyor } from "../../../src/run/survey.ts";

test("of two hundred hosts no more log in at once than can do so in time, and all are asked", async () => {
  let [now, most, asked] = [0, 0, 0];
  const line = async () => {
    asked++;
    most = Math.max(most, ++now);
    await nextTurn();
    now--;
    throw new UnreachableError("nobody is there", { mend: "" });
  };
  const job = (_: unknown, index: number) =>
    ({
      request: { action: "switch", evaluate: async () => ({ drvPath: "", outPath: "" }) },
      node: { name: `web${index}` },
      session: { line },
      emit: () => {},
      keep: async () => {},
      interruption: new AbortController().signal,
    }) as unknown as Job;
  const jobs = Array.from({ length: 200 }, job);
  const surveyor = new Surveyor(jobs);
  const surveys = await Promise.all(jobs.map((each) => surveyor.survey(each)));
  assert.ok(surveys.every((survey) => !survey.ok && survey.why.code === "unreachable"));
  assert.equal(asked, 200);
  assert.equal(most, 32);
});
