/** 9. One host that cannot be reached is known before the build; the others are deployed; exit 1. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Scene, skip } from "./scene.ts";

for (const how of ["refuse", "drop"] as const) {
  test(`one host unreachable (${how})`, { skip }, async () => {
    await using scene = await Scene.open({ hosts: ["db", "web1", "web2"] });
    await scene.deployer.output("printf '\\nHost db\\n  ConnectTimeout 3\\n' >>~/.ssh/config");
    await scene.write({
      db: { version: "2" },
      web1: { version: "2" },
      web2: { version: "2", bungee: { after: ["db"] } },
    });
    await scene.host("db").cut(how);
    const { code, outcomes, events } = await scene.deploy("--all");
    assert.equal(code, 1);
    const { db, web1, web2 } = outcomes;
    assert.ok(db?.kind === "failed" && db.why.code === "unreachable", JSON.stringify(db));
    assert.equal(web1?.kind, "confirmed");
    assert.ok(web2?.kind === "skipped" && /db/.test(web2.why), "what comes after it does not go ahead of it");

    const known = events.findIndex((event) => event.type === "stage-failed" && event.node === "db");
    const firstBuild = events.findIndex((event) => event.type === "stage-started" && event.stage === "build");
    assert.ok(known >= 0 && known < firstBuild, "known before anything is built");
    assert.ok(
      !events.some((event) => event.type === "stage-started" && event.node === "db" && event.stage === "build"),
    );

    await scene.host("db").heal();
    const second = await scene.deploy("--all");
    assert.equal(second.code, 0, second.stdout);
    assert.deepEqual(
      Object.values(second.outcomes)
        .map(({ kind }) => kind)
        .sort(),
      ["confirmed", "confirmed", "unchanged"],
    );
  });
}
