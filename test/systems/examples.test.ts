/** The examples are what a newcomer reads first: they have to be right. */
import assert from "node:assert/strict";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Host } from "../lab/host.ts";
import { type Lab, openLab } from "../lab/lab.ts";
import { type Release, releases } from "../lab/rootfs.ts";
import { needsSandbox } from "../lab/sandbox.ts";
import { checkout, type Workstation } from "../lab/workstation.ts";
import { toplevelOf } from "./fleet.ts";

const examples = join(import.meta.dirname, "..", "..", "examples");

describe("examples", { ...needsSandbox, concurrency: releases.length }, () => {
  for (const release of releases) describe(release, { concurrency: 1 }, () => areRight(release));
});

function areRight(release: Release): void {
  let lab: Lab;
  let workstation: Workstation;
  let web2: Host;
  const flake = "path:/root/fleet";

  before(async () => {
    lab = await openLab();
    [workstation, web2] = await Promise.all([lab.workstation({ release }), lab.host("web2", { release }).up()]);
    await cp(join(examples, "fleet"), workstation.path("/root/fleet"), { recursive: true });
    // The fleet has its addresses written down; this lab has others.
    await edit("hosts/web2.nix", /10\.77\.1\.2/g, web2.address);
  });
  after(() => lab?.close());

  async function edit(file: string, from: string | RegExp, to: string): Promise<void> {
    const path = workstation.path(`/root/fleet/${file}`);
    const text = await readFile(path, "utf8");
    const changed = text.replace(from, to);
    assert.notEqual(changed, text, `${file} has no ${from}`);
    await writeFile(path, changed);
  }

  async function build(node: string): Promise<string> {
    const built = await workstation.output(["nix", "build", "--json", "--no-link", `${flake}#${toplevelOf(node)}`]);
    return JSON.parse(built)[0].outputs.out;
  }

  it("fleet: three hosts that can be built, with the settings that stand in their files", async () => {
    const settings = await workstation.output([
      ...["nix", "eval", "--json", `${flake}#nixosConfigurations`],
      ...["--apply", "builtins.mapAttrs (_: node: node.config.bungee)"],
    ]);
    const { db, web1, ...others } = JSON.parse(settings);
    assert.deepEqual(Object.keys(others), ["web2"]);
    assert.deepEqual(web1, {
      addresses: ["10.77.1.1"],
      user: "deploy",
      after: ["db"],
      labels: { role: "web", stage: "demo" },
      healthChecks: { web: { command: "grep serves /run/web" } },
    });
    assert.deepEqual(db.activation, { timeout: 600 });
    for (const node of ["web1", "db"]) assert.match(await build(node), new RegExp(`-nixos-system-${node}-`));
  });

  it("fleet: a host runs it; without port 22 it cannot be reached, though who is there already stays", async () => {
    await web2.install(await build("web2"), workstation);
    assert.equal(
      await web2.output("until [ -s /run/web ]; do sleep 0.05; done; cat /run/web; systemctl is-system-running"),
      "web2 serves version 1\nrunning",
    );
    await web2.waitSsh();
    const session = workstation.spawn(["ssh", "web2", "echo here; read line; echo $line"]);
    while (!session.stdout.includes("here")) await new Promise((resolve) => setTimeout(resolve, 20));

    const old = (await web2.triple()).running;
    await edit("hosts/common.nix", "allowedTCPPorts = [ 22 ];", "allowedTCPPorts = [ ];");
    await web2.install(await build("web2"), workstation);
    await assert.rejects(web2.waitSsh(400), /does not answer/);
    session.child.stdin?.end("still\n");
    assert.equal((await session.result).stdout, "here\nstill\n");
    await web2.output(`${old}/bin/switch-to-configuration test`);
    await web2.waitSsh();
  });

  it("fleet: with a wrong address it is where nobody looks for it", async () => {
    const elsewhere = `10.77.${lab.number}.222`;
    const old = (await web2.triple()).running;
    await edit("hosts/common.nix", "allowedTCPPorts = [ ];", "allowedTCPPorts = [ 22 ];");
    await edit("hosts/web2.nix", `address = "${web2.address}"`, `address = "${elsewhere}"`);
    await web2.install(await build("web2"), workstation);
    await assert.rejects(web2.waitSsh(400), /does not answer/);
    await web2.waitSsh(60_000, elsewhere);
    await web2.output(`${old}/bin/switch-to-configuration test`);
    await web2.waitSsh();
  });

  it("fleet: a change of the database is a reload, not a restart", async () => {
    const db = await lab.host("db", { release }).up();
    await edit("hosts/db.nix", /10\.77\.1\.3/g, db.address);
    await db.install(await build("db"), workstation);
    const invocation = () => db.output("systemctl show --property InvocationID --value database");
    const before = await invocation();
    await edit("hosts/db.nix", "version 1", "version 2");
    await db.install(await build("db"), workstation);
    assert.equal(await db.output("cat /run/database"), "version 2");
    assert.equal(await invocation(), before);
  });

  it("nixos: parses", async () => {
    await workstation.output(["nix-instantiate", "--parse", join(checkout, "examples", "nixos", "flake.nix")]);
  });
}
