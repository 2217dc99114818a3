/** lib.mkNodes: a fleet whose hosts say under options of their own whether and where they are deployed, as bungee then sees it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import type { Fleet } from "../../../src/fleet/fleet.ts";
import { select } from "../../../src/fleet/select.ts";
import { withoutNix } from "../nix/real-nix.ts";
import { failure, host, open, useFlakes } from "./flakes.ts";

const MK_NODES = readFileSync(join(import.meta.dirname, "..", "..", "..", "nix", "mk-nodes.nix"), "utf8");
const deployed = (targetHost: string, more = "") =>
  `{ homelab.users.deploy.enable = true; homelab.deploy = { targetHost = ${targetHost}; role = "dns"; }; ${more} }`;

describe("lib.mkNodes", { skip: withoutNix }, () => {
  const flakes = useFlakes();

  function fleetOf(folder: string, configurations: Readonly<Record<string, string>>, words: string): Promise<Fleet> {
    flakes.real.write({ [`${folder}/mk-nodes.nix`]: MK_NODES });
    const more = `bungee.nodes = import ./mk-nodes.nix { inherit (self) nixosConfigurations; ${words} };`;
    return open(flakes.flake(folder, configurations, more));
  }

  const HOMELAB = `
    enable = config: config.homelab.users.deploy.enable or false;
    settings = { name, config }: {
      addresses = [ config.homelab.deploy.targetHost ];
      user = "deploy";
      labels = { inherit (config.homelab.deploy) role; };
    };`;

  describe("with a mapping", () => {
    let fleet: Fleet;
    before(async () => {
      fleet = await fleetOf(
        "homelab",
        {
          dns1: host("dns1", deployed('"10.0.0.1"')),
          dns2: host("dns2", deployed('"10.0.0.2"', 'bungee.user = "admin";')),
          Template: host("Template"),
          off: host("off", "{ homelab.users.deploy.enable = false; }"),
          // C3.1: it is required where the user is enabled, and this host has none.
          lost: host("lost", deployed('throw "homelab.deploy.targetHost is used but not defined"')),
          lacks: host("lacks", "{ homelab.users.deploy.enable = true; }"),
          contrary: host("contrary", "{ bungee.enable = true; }"),
        },
        HOMELAB,
      );
    });

    it("gives each host its settings, over which its own win", () => {
      const { addresses, user, labels, enable } = fleet.nodes.get("dns1")!;
      assert.deepEqual([addresses, user, labels, enable], [["10.0.0.1"], "deploy", { role: "dns" }, true]);
      assert.equal(fleet.nodes.get("dns2")!.user, "admin");
    });

    it("leaves no way to a host that is not to be deployed", () => {
      assert.deepEqual(select(fleet.candidates, ["dns*"]).names, ["dns1", "dns2"]);
      for (const name of ["Template", "off"])
        assert.throws(() => select(fleet.candidates, [name]), { name: "UsageError", message: /is disabled/ });
      const { names } = select(fleet.candidates, [], true);
      assert.ok(!names.includes("Template") && !names.includes("off"));
    });

    it("keeps a broken host's error with that host", async () => {
      assert.deepEqual([...fleet.broken.keys()].sort(), ["contrary", "lacks", "lost"]);
      assert.match(fleet.broken.get("lost")!.detail ?? "", /targetHost is used but not defined/);
      assert.match(fleet.broken.get("lacks")!.detail ?? "", /attribute 'deploy' missing/);
      assert.match(fleet.broken.get("contrary")!.detail ?? "", /contrary says bungee\.enable = true/);
      await assert.rejects(fleet.evaluate("lost"), { name: "EvaluationError" });
      const { outPath } = await fleet.evaluate("dns1");
      assert.match(outPath, /-system-dns1$/);
    });
  });

  it("goes by bungee.enable where nothing else is said", async () => {
    const fleet = await fleetOf(
      "plain",
      {
        plain: host("plain"),
        unset: host("unset", "{ bungee.enable = null; }"),
        on: host("on", "{ bungee = { enable = true; port = 2222; }; }"),
        off: host("off", "{ bungee.enable = false; }"),
      },
      "",
    );
    assert.deepEqual(select(fleet.candidates, [], true).names, ["on", "plain", "unset"]);
    assert.equal(fleet.nodes.get("on")!.port, 2222);
    assert.equal(fleet.broken.size, 0);
  });

  it("has its settings checked as those that are written by hand", async () => {
    const error = await failure(
      fleetOf("wrong", { web1: host("web1") }, 'settings = _: { adresses = [ "10.0.0.1" ]; };'),
    );
    assert.equal(error.name, "ConfigurationError");
    assert.match(error.message, /^bungee\.nodes\.web1\.adresses: .*addresses/);
  });

  it("fails the flake for what is wrong with all of it", async () => {
    const error = await failure(fleetOf("whole", { web1: host("web1") }, "enabled = true;"));
    assert.equal(error.name, "EvaluationError");
    assert.match(error.message, /the flake's outputs/);
    assert.match(error.detail ?? "", /unexpected argument 'enabled'/);
  });
});
