/** A deploy user's deploys are decided by health checks too: by those that the host's own configuration has. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DeployUserScene } from "./deploy-user.ts";
import { skip } from "./scene.ts";

describe("a deploy user's health checks", { skip }, () => {
  let ours: DeployUserScene;
  before(async () => {
    ours = await DeployUserScene.open({ hosts: ["web1"] }, { trusted: true });
  });
  after(() => ours?.[Symbol.asyncDispose]());

  /** @param inRelease the commands that the NixOS module would put into the system */
  async function deployed(version: string, healthChecks: object, inRelease: Readonly<Record<string, string>> = {}) {
    const etc = Object.entries(inRelease).map(([name, text]) => [`bungee/health-checks/${name}`, { text }]);
    const config = { environment: { etc: Object.fromEntries(etc) } };
    // Longer than the test may take: who is not well is given up, not waited for.
    const bungee = { healthChecks, confirmation: { timeout: 3600 } };
    await ours.scene.write({ web1: ours.spec({ version, config, bungee }) });
    const { outcomes, stdout, stderr } = await ours.scene.deploy("web1");
    assert.ok(outcomes.web1, stdout + stderr);
    return outcomes.web1;
  }

  test("units, commands of the release, and what the deployer tries itself", async () => {
    const checks = { app: { unit: "app.service" }, own: { command: "id -u | grep -qx 0" }, ssh: { tcp: 22 } };
    const outcome = await deployed("2", checks, { own: "id -u | grep -qx 0" });
    assert.equal(outcome.kind, "confirmed", JSON.stringify(outcome));
  });

  test("a command of the release that fails sends the host back", async () => {
    const outcome = await deployed("3", { own: { command: "true", retries: 1 } }, { own: "echo no; exit 5" });
    assert.ok(outcome.kind === "rolled-back" && outcome.verified, JSON.stringify(outcome));
    assert.equal(outcome.why.message, "health check own fails: exit code 5 (tried 2 times)");
  });

  for (const [what, check] of Object.entries({
    "a command that the release has not": { command: "touch /run/pwned" },
    "a request by the host": { http: { url: "http://localhost/", from: "host" } },
    "a connection by the host": { tcp: { port: 22, from: "host" } },
  })) {
    test(`${what} can never be well, and that is said at once`, async () => {
      const outcome = await deployed("4", { other: check });
      assert.ok(outcome.kind === "rolled-back" && outcome.verified, JSON.stringify(outcome));
      assert.equal(outcome.why.code, "unhealthy");
      assert.match(outcome.why.message, /^health check other cannot be made: .*deploy user may not/);
      assert.equal((await ours.scene.host("web1").run("test -e /run/pwned")).code, 1);
    });
  }
});
