/** The command as a process, with real nix: what other tools' fleets look like in bungee's words. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { runLocal } from "../../../src/process.ts";
import { host, useFlakes } from "../fleet/flakes.ts";
import { withoutNix } from "../nix/real-nix.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
const bungee = (...words: string[]) =>
  runLocal({ argv: [process.execPath, MAIN, ...words] }, { env: { FORCE_COLOR: undefined, NO_COLOR: "1" } });

const NODES = `deploy = {
  sshUser = "deploy"; user = "root";
  nodes.web1 = { hostname = "10.0.0.1"; sshOpts = [ "-A" "-p" "2222" ]; profiles.system.path = ""; profiles.site.path = ""; };
  nodes.web2 = { hostname = "web2"; profiles.system.path = ""; };
};`;

describe("bungee migrate", { skip: withoutNix }, () => {
  const flakes = useFlakes();

  it("prints one attribute set, and nothing else on stdout", async () => {
    const reference = flakes.flake("migrate", { web1: host("web1"), web3: host("web3") }, NODES);
    const { code, stdout, stderr } = await bungee("migrate", "--flake", reference);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(
      stdout,
      `# The settings of deploy.nodes, as bungee's. They stand beside nixosConfigurations, in the flake's outputs.
# web1.site: bungee's own settings have no profiles besides the system; --schema deploy-rs deploys it.
{
  bungee = {
    defaults = {
      substituteOnTarget = true;
      user = "deploy";
    };
    nodes = {
      # sshOpts: not taken: -A (bungee forwards neither agent nor display)
      web1 = {
        addresses = [ "10.0.0.1" ];
        port = 2222;
      };
      # There is no nixosConfigurations.web2 yet.
      web2 = { };
      # Not in deploy.nodes.
      web3.enable = false;
    };
  };
}
`,
    );
    const one = await bungee("migrate", "web2", "--flake", reference);
    assert.doesNotMatch(one.stdout, /web1|web3/);
  });

  it("has nothing to do for a fleet of bungee's own", async () => {
    const reference = flakes.flake("own", { web1: host("web1") });
    const { code, stdout, stderr } = await bungee("migrate", "--flake", reference);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /are nixosConfigurations already: there is nothing to migrate/);
    const wrong = await bungee("migrate", "--flake", reference, "--schema", "colmena");
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /has no colmenaHive/);
    assert.equal((await bungee("migrate", "--flake", reference, "--schema", "bungee")).code, 2);
  });

  it("nodes and plan say what cannot be had, on stderr", async () => {
    const reference = flakes.flake("told", { web1: host("web1") }, NODES);
    const { code, stdout, stderr } = await bungee("nodes", "--json", "--flake", reference);
    assert.equal(code, 0);
    assert.deepEqual(
      (JSON.parse(stdout) as { nodes: { name: string }[] }).nodes.map(({ name }) => name),
      ["web1", "web1.site", "web2"],
    );
    assert.match(stderr, /the hosts are those of deploy\.nodes, .*--schema bungee takes nixosConfigurations/);
    assert.match(stderr, /web1, web1\.site: sshOpts: not taken: -A/);
    const own = await bungee("nodes", "--flake", reference, "--schema", "bungee");
    assert.equal(own.stderr, "");
  });
});
