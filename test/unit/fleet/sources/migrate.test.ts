// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is what Nix must not read as code
/** A fleet of others' settings as bungee's own. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { migrated } from "../../../../src/fleet/sources/migrate.ts";
import { nixString } from "../../../../src/nix/command.ts";
import { withoutNix } from "../../nix/real-nix.ts";
import { host, open, useFlakes } from "../flakes.ts";
import { deploy, deployNode, hive, hiveNode } from "./outputs.ts";

describe("migrate", { skip: withoutNix }, () => {
  const flakes = useFlakes();
  /** A flake of these outputs. */
  const flake = (folder: string, outputs: string) => {
    flakes.real.write({ [`${folder}/flake.nix`]: `{ outputs = { self }: { ${outputs} }; }` });
    flakes.real.commit(folder);
    return flakes.real.path(folder);
  };

  /** What migrate prints, put into the flake as its comments say, and read again. */
  async function moved(folder: string, outputs: string, configurations: readonly string[], more = "") {
    const before = await open(flake(folder, outputs));
    const { reading, from } = before;
    const code = migrated({ from, reading, configurations, nodes: [...before.nodes.keys()] }).join("\n");
    flakes.real.write({ [`${folder}-moved/bungee.nix`]: code });
    const reference = flake(`${folder}-moved`, `${outputs} ${more} inherit (import ./bungee.nix) bungee;`);
    return { before, code, after: await open(reference, { schema: "bungee" }) };
  }

  it("deploy-rs: the same nodes, and what has no equivalent as comments", async () => {
    const outputs = `${["web1", "web2", "spare"].map((name) => `nixosConfigurations.${name} = ${host(name)};`).join("\n")}
      ${deploy(
        {
          web1: deployNode(
            'sshOpts = [ "-p" "2222" "-J" "bastion" "-A" ]; magicRollback = false; fastConnection = true;',
            ["system", "blog"],
          ),
          web2: deployNode('confirmTimeout = 60; sudo = "doas -u"; remoteBuild = true;', ["system"]),
        },
        'sshUser = "deploy"; activationTimeout = 600; tempPath = "/var/tmp";',
      )}`;
    const { before, after, code } = await moved("move-deploy-rs", outputs, ["spare", "web1", "web2"]);
    for (const name of ["web1", "web2"]) {
      const { profile: _, after: __, hostName: ___, ...node } = before.nodes.get(name)!;
      const { profile: ____, after: _____, hostName: ______, ...same } = after.nodes.get(name)!;
      assert.deepEqual(same, node);
    }
    assert.equal(after.nodes.get("spare")?.enable, false);
    for (const line of [
      /# tempPath is not needed/,
      /# sshOpts: not taken: -A/,
      /# magicRollback = false/,
      /# web1\.blog: bungee's own settings have no profiles/,
      /^ {4}defaults = \{$/m,
      /^ {6}activation\.timeout = 600;$/m,
      /^ {6}user = "deploy";$/m,
    ])
      assert.match(code, line);
    assert.doesNotMatch(code, / $/m);
  });

  it("colmena: the same nodes, by the hive's own configurations", async () => {
    const outputs = hive({
      alpha: hiveNode("alpha", 'tags = [ "web" ]; targetUser = "deploy"; privilegeEscalationCommand = [ "doas" ];'),
      beta: hiveNode("beta", 'targetHost = null; keys.acme.text = "x";'),
    });
    const { before, after, code } = await moved(
      "move-hive",
      outputs,
      [],
      "nixosConfigurations = self.colmenaHive.nodes;",
    );
    assert.deepEqual(after.nodes, before.nodes);
    assert.match(code, /^# nixosConfigurations = self\.colmenaHive\.nodes;$/m);
    assert.match(code, /# deployment\.keys: nothing brings acme to the host\.$/m);
    assert.match(code, /labels\.web = true;/);
  });

  it("names and values that would be code are none", async () => {
    const odd = '${builtins.abort "x"}';
    const outputs = `nixosConfigurations = { ${nixString(odd)} = ${host("odd")}; "in" = ${host("in")}; };
      ${deploy({ [odd]: deployNode(`sshOpts = [ "-i" ${nixString('~/k${builtins.abort "y"}"')} ${nixString("-A\n} # {")} ];`, ["system"]), in: deployNode("", ["system"]) })}`;
    const { before, after } = await moved("move-odd", outputs, [odd, "in"]);
    assert.equal(after.nodes.get(odd)?.identityFile, before.nodes.get(odd)?.identityFile);
    assert.deepEqual(after.nodes.get("in")?.addresses, ["10.0.0.1"]);
  });
});
