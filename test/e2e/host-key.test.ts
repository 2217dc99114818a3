/** 8. An unknown or a changed host key stops before anything else, names the file and the line, and how to mend it. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { assertUnchanged, Scene, skip } from "./scene.ts";

const KNOWN_HOSTS = "/root/.ssh/known_hosts";
const ANOTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

async function refusedBy(knownHosts: (lines: string[], scene: Scene) => string[]) {
  const scene = await Scene.open({ hosts: ["web1", "web2"] });
  const file = scene.deployer.path(KNOWN_HOSTS);
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  writeFileSync(file, `${knownHosts(lines, scene).join("\n")}\n`);
  await scene.write({ web1: { version: "2" }, web2: { version: "2" } });
  const before = await scene.host("web1").snapshot();
  const logins = () => scene.host("web1").output("journalctl -u ssh --no-pager | grep -c 'Accepted' || true");
  const loginsBefore = await logins();
  const deployed = await scene.deploy("--all");
  assert.equal(await logins(), loginsBefore, "nobody logged in");
  assertUnchanged(before, await scene.host("web1").snapshot());
  assert.equal(deployed.code, 1);
  assert.equal(deployed.outcomes.web2?.kind, "confirmed", "the other host is deployed");
  const { web1 } = deployed.outcomes;
  assert.ok(web1?.kind === "failed" && web1.why.code === "host-key", JSON.stringify(web1));
  assert.ok(
    !deployed.events.some(
      (event) => event.type === "stage-started" && event.node === "web1" && event.stage === "build",
    ),
  );
  return { scene, why: web1.why };
}

test("an unknown host key", { skip }, async () => {
  const { scene, why } = await refusedBy((lines) => lines.filter((line) => !line.includes("web1")));
  await using _ = scene;
  assert.match(why.message + why.mend, /ssh-keyscan|ssh web1/);
  assert.match(why.message + (why.detail ?? "") + why.mend, /SHA256:/);
});

test("a changed host key", { skip }, async () => {
  const { scene, why } = await refusedBy((lines, { lab: _ }) => [
    "# a comment, so that the line is not the first",
    ...lines.filter((line) => !line.includes("web1")),
    `web1 ${ANOTHER_KEY}`,
  ]);
  await using _ = scene;
  const count = readFileSync(scene.deployer.path(KNOWN_HOSTS), "utf8").trimEnd().split("\n").length;
  assert.ok((why.message + (why.detail ?? "")).includes(`${KNOWN_HOSTS}:${count}`), JSON.stringify(why));
  assert.match(why.mend, /ssh-keygen .*-R web1 /);
});

test("a known host key, hashed as OpenSSH hashes it", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1"] });
  await scene.deployer.output(["ssh-keygen", "-H", "-f", KNOWN_HOSTS]);
  await scene.write({ web1: { version: "2" } });
  const { code, stdout } = await scene.deploy("web1");
  assert.equal(code, 0, stdout);
});
