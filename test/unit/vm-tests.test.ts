/**
 * The NixOS tests of test/vm cannot run where there is no KVM and no nixpkgs. Here they are evaluated: on a stand-in for nixpkgs, and to
 * their derivations on a real one, where BUNGEE_NIXPKGS names it; and their scripts are parsed. Their flake is built by vm-fleet.test.ts.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { titlesIn } from "./titles.ts";

const checkout = join(import.meta.dirname, "..", "..");
const vm = join(checkout, "test", "vm");
const SCRIPTS = globSync("*.py", { cwd: vm })
  .filter((file) => file !== "common.py")
  .map((file) => basename(file, ".py"));
const TESTS = SCRIPTS.map((script) => `vm-${script}`);
/** What scripts may ask of a machine: test drivers of 2020 and of today have all of these. */
const METHODS = [
  ...["start", "shutdown", "crash", "block", "unblock", "succeed", "fail", "execute"],
  ...["wait_for_unit", "wait_for_file", "wait_for_open_port", "wait_until_succeeds", "wait_until_fails"],
];
const DRIVER = ["deployer", "target", "start_all", "subtest"];

interface Machine {
  readonly virtualisation: Readonly<Record<string, unknown>>;
  readonly services: { readonly openssh: { enable: boolean }; readonly bungee?: unknown };
  readonly specialisation: Readonly<Record<string, unknown>>;
  readonly nix: object;
  readonly etc: Readonly<Record<string, string>>;
  readonly imported: readonly string[];
  readonly systemPackages: readonly string[];
}

interface VmTest {
  readonly name: string;
  readonly testScript: string;
  readonly deployer: Machine;
  readonly target: Machine;
}

/** As much of nixpkgs as test/vm uses, of today or of 2020; → what each test hands to its driver. */
function evaluate(test: TestContext, age: "today" | "2020"): Readonly<Record<string, VmTest>> {
  const nixpkgs = mkdtempSync(join(tmpdir(), "bungee-vm-"));
  test.after(() => rmSync(nixpkgs, { recursive: true, force: true }));
  mkdirSync(join(nixpkgs, "nixos", "tests"), { recursive: true });
  writeFileSync(
    join(nixpkgs, "nixos", "tests", "ssh-keys.nix"),
    '_: { snakeOilPublicKey = "ssh-ed25519 AAAA snakeoil"; snakeOilPrivateKey = "/a/key"; }',
  );
  const today = age === "today";
  return evaluateNix(`let
    lib = {
      mkDefault = value: value; mkForce = value: value;
      optionalAttrs = condition: set: if condition then set else { };
      makeBinPath = packages: builtins.concatStringsSep ":" (map (each: "\${each}/bin") packages);
    };
    pkgs = {
      path = "${nixpkgs}"; bash = "/s/bash"; coreutils = "/s/coreutils"; gnugrep = "/s/gnugrep"; gnused = "/s/gnused";
      ${today ? "iproute2" : "iproute"} = "/s/iproute"; stdenv.hostPlatform.system = "x86_64-linux";
    } // ${today ? '{ testers.runNixOSTest = test: test; nixosTest = throw "it is gone"; }' : "{ nixosTest = test: test; }"};
    options = ${today ? "{ nix.settings = 0; system.switch = 0; }" : "{ nix.binaryCaches = 0; system = { }; }"};
    target = { build.toplevel = "/nix/store/00000000000000000000000000000000-nixos-system-target-1"; };
    nodes.target = ${today ? "{ system = target; }" : "{ config.system = target; }"};
    load = module:
      let
        value = if builtins.isPath module then import module else module;
        body = if builtins.isFunction value then value { inherit lib nodes options pkgs; } else value;
      in
      if builtins.isString module then [ { imported = [ module ]; } ]
      else builtins.concatLists (map load (body.imports or [ ])) ++ [ (removeAttrs body [ "imports" ]) ];
    merge = values: if builtins.length values == 1 then builtins.head values
      else if builtins.all builtins.isAttrs values then builtins.zipAttrsWith (_: merge) values
      else builtins.concatLists values;
    machine = module: let config = merge (load module); in {
      inherit (config) virtualisation; nix = config.nix or { }; services = config.services or { };
      imported = config.imported or [ ]; specialisation = config.specialisation or { };
      systemPackages = (config.environment or { }).systemPackages or [ ];
      etc = builtins.mapAttrs (_: file: file.text or (toString file.source)) config.environment.etc;
    };
    tests = import ${vm} { inherit pkgs; bungee = "/s/bungee"; nixosModules.deploy-user = "the deploy user's module"; };
  in builtins.mapAttrs (_: test: {
    inherit (test) name testScript;
    deployer = machine test.nodes.deployer;
    target = machine test.nodes.target;
  }) tests`) as Record<string, VmTest>;
}

function evaluateNix(expression: string): unknown {
  const { status, stdout, stderr } = nix("eval", "--json", "--impure", "--expr", expression);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

function nix(verb: string, ...args: string[]) {
  const features = ["--extra-experimental-features", "nix-command flakes"];
  return spawnSync("nix", [...features, verb, ...args], { encoding: "utf8", maxBuffer: 2 ** 26 });
}

for (const age of ["today", "2020"] as const) {
  it(`the NixOS tests have two machines each, as nixpkgs of ${age} wants them`, (test) => {
    const tests = evaluate(test, age);
    assert.deepEqual(Object.keys(tests).sort(), TESTS.toSorted());
    for (const [name, { deployer, target, testScript, ...rest }] of Object.entries(tests)) {
      assert.equal(rest.name, `bungee-${name.replace(/^vm-/, "")}`);
      assert.ok(testScript.includes("def ready()") && testScript.includes("\nready()\n"), name);
      assert.deepEqual([target.virtualisation.useBootLoader, target.services.openssh.enable], [true, true]);
      assert.deepEqual(Object.keys(target.specialisation).sort(), ["next", "no-network", "no-sshd", "slow"]);
      assert.deepEqual(deployer.systemPackages, ["/s/bungee"]);
      assert.deepEqual(deployer.nix, age === "today" ? { settings: { substituters: [] } } : { binaryCaches: [] });
      const fleet = JSON.parse(deployer.etc["fleet/fleet.json"]!);
      assert.equal(fleet.user, name === "vm-deploy-user" ? "deploy" : "root");
      assert.ok(fleet.inputs.includes(fleet.original) && fleet.original.endsWith("-nixos-system-target-1"));
    }
    const { imported, services } = tests["vm-deploy-user"]!.target;
    assert.deepEqual(imported, ["the deploy user's module"]);
    assert.deepEqual(services.bungee, {
      deployUser: { enable: true, authorizedKeys: ["ssh-ed25519 AAAA snakeoil"], trusted: true },
    });
    assert.deepEqual(tests["vm-deploy"]!.target.imported, []);
  });
}

it("the flake has them as checks, where nixpkgs is", () => {
  const expression = `let flake = (import ${checkout}/flake.nix).outputs {
    self = { packages.x86_64-linux.default = "bungee"; inherit (flake) nixosModules; };
    nixpkgs.legacyPackages.x86_64-linux = { path = "/"; testers.runNixOSTest = test: test; };
  }; in builtins.attrNames flake.checks.x86_64-linux`;
  const names = evaluateNix(expression) as string[];
  assert.deepEqual(
    names.filter((name) => name.startsWith("vm-")),
    TESTS.toSorted(),
  );
});

for (const script of SCRIPTS) {
  it(`${script}.py is Python that the test driver can run, and says where the lab shows the same`, () => {
    const text = readFileSync(join(vm, `${script}.py`), "utf8");
    // Prints what it uses of its surroundings: names that nothing in it makes, and methods.
    const python = `
import ast, builtins, sys
tree = ast.parse(sys.stdin.read())
nodes = list(ast.walk(tree))
made = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
made |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
made |= {node.arg for node in nodes if isinstance(node, ast.arg)}
used = {node.id for node in nodes if isinstance(node, ast.Name)} - made - set(dir(builtins))
asked = {
    node.attr
    for node in nodes
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("deployer", "target")
}
print(*sorted(used))
print(*sorted(asked))
`;
    const whole = readFileSync(join(vm, "common.py"), "utf8") + text;
    const printed = execFileSync("python3", ["-c", python], { input: whole, encoding: "utf8" });
    const [used, asked] = printed.split("\n").map((line) => line.split(" "));
    assert.deepEqual(
      used?.filter((name) => !DRIVER.includes(name)),
      [],
    );
    assert.deepEqual(
      asked?.filter((name) => !METHODS.includes(name)),
      [],
    );
    for (const variant of [...text.matchAll(/want\("([\w-]+)"\)/g)].map(([, name]) => name!))
      assert.ok(readFileSync(join(vm, "target.nix"), "utf8").includes(` ${variant}.configuration.`), variant);
    const [, twins = ""] = /^# .*\. In the lab: (.+)\.\n/.exec(text) ?? [];
    for (const twin of twins.split(", ")) {
      assert.notDeepEqual(titlesIn(twin), [], twin);
      assert.ok(readFileSync(join(vm, "README.md"), "utf8").includes(twin), twin);
    }
  });
}

const nixpkgs = process.env.BUNGEE_NIXPKGS ?? "";
// No test at all where nobody names one: a skipped test is a thing that should have run.
if (nixpkgs !== "")
  describe("the NixOS tests on a real nixpkgs", { timeout: 900_000 }, () => {
    it("are derivations that want KVM", () => {
      const derivations = evaluateNix(`
        let
          pkgs = import ${nixpkgs} { system = "x86_64-linux"; config = { }; };
          inherit ((import ${checkout}/flake.nix).outputs { self = { }; nixpkgs = { }; }) nixosModules;
          tests = import ${vm} { inherit pkgs nixosModules; bungee = pkgs.hello; };
        in builtins.mapAttrs (_: test: { inherit (test) drvPath requiredSystemFeatures; }) tests`) as Record<
        string,
        { drvPath: string; requiredSystemFeatures: string[] }
      >;
      assert.deepEqual(Object.keys(derivations).sort(), TESTS.toSorted());
      for (const { drvPath, requiredSystemFeatures } of Object.values(derivations)) {
        assert.match(drvPath, /^\/nix\/store\/.*vm-test-run-bungee-.*\.drv$/);
        assert.ok(requiredSystemFeatures.includes("kvm"));
      }
    });

    it("and a host with the modules of nix/ has a virtual machine of its own", () => {
      const machine = evaluateNix(`
        let
          inherit ((import ${checkout}/flake.nix).outputs { self = { }; nixpkgs = { }; }) nixosModules;
          # Where nixpkgs has vmVariant, every configuration has this module at hand; else it is a part of it.
          host = import ${nixpkgs}/nixos/lib/eval-config.nix {
            system = "x86_64-linux";
            modules = [
              nixosModules.deploy-user nixosModules.metrics nixosModules.cache-client
              (if builtins.pathExists ${nixpkgs}/nixos/modules/virtualisation/build-vm.nix then { } else {
                imports = [ ${nixpkgs}/nixos/modules/virtualisation/qemu-vm.nix ];
              })
              {
                networking.hostName = "web1";
                services.openssh.enable = true;
                services.bungee.deployUser = { enable = true; authorizedKeys = [ "ssh-ed25519 AAAA ci" ]; };
                services.bungee.metrics.enable = true;
                system.stateVersion = "20.09";
              }
            ];
          };
        in host.config.system.build.vm.drvPath`);
      assert.match(machine as string, /^\/nix\/store\/.*-nixos-vm\.drv$/);
    });
  });
