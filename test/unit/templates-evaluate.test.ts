/** Each template, its placeholders as they are, on stand-ins for its inputs: nix evaluates it, its checks hold, and bungee reads its fleet. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { runLocal } from "../../src/process.ts";
import { flakeLock, SYSTEM, TEMPLATES, type Template, templateFolder, writeStandins } from "../templates/standins.ts";
import { RealNix, withoutNix } from "./nix/real-nix.ts";

const CHECKOUT = join(import.meta.dirname, "..", "..");
const MAIN = join(CHECKOUT, "src", "main.ts");

const web = (name: string, after: readonly string[], labels: object) => ({
  addresses: [`${name}.example.org`],
  after,
  labels,
});
const PROD = { tier: "prod" };

/** As `bungee nodes` has it; and who logs in. */
const FLEETS: Readonly<Record<Template, { readonly nodes: object; readonly user: string | null }>> = {
  minimal: { nodes: { web1: web("web1", [], {}) }, user: "root" },
  fleet: {
    nodes: {
      db: web("db", [], { ...PROD, role: "db" }),
      web1: web("web1", ["db"], { ...PROD, role: "web" }),
      web2: web("web2", ["db"], { ...PROD, role: "web" }),
    },
    user: "root",
  },
  // Who logs in is for ci/ssh_config to say, and for yours.
  ci: {
    nodes: {
      cache: web("cache", [], { role: "cache" }),
      web1: web("web1", [], { role: "web" }),
      web2: web("web2", [], { role: "web" }),
    },
    user: null,
  },
};

describe("the templates, evaluated", { skip: withoutNix }, () => {
  let real: RealNix;
  const nix = async (argv: readonly string[]) =>
    execFileSync("nix", ["--extra-experimental-features", "nix-command flakes", ...argv], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  const bungee = async (...words: string[]) => {
    const { code, stdout, stderr } = await runLocal({ argv: [process.execPath, MAIN, ...words] });
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };

  before(() => {
    real = new RealNix();
    writeStandins({ here: real.path("inputs"), there: real.path("inputs") });
  });
  after(() => real?.[Symbol.dispose]());

  it("come out of the flake by `nix flake init --template`", async () => {
    // Not the whole checkout: nix would copy node_modules, too.
    for (const part of ["flake.nix", "templates"])
      cpSync(join(CHECKOUT, part), real.path("bungee", part), { recursive: true });
    const inputs = real.path("inputs");
    const lock = await flakeLock(
      readFileSync(real.path("bungee", "flake.nix"), "utf8"),
      { here: inputs, there: inputs },
      nix,
    );
    real.write({ "bungee/flake.lock": lock });
    for (const template of TEMPLATES) {
      const into = real.path(`from-${template}`);
      mkdirSync(into);
      const argv = ["--extra-experimental-features", "nix-command flakes", "flake", "init", "--template"];
      execFileSync("nix", [...argv, `path:${real.path("bungee")}#${template}`], { cwd: into, stdio: "pipe" });
      assert.deepEqual(filesOf(into), filesOf(templateFolder(template)));
    }
  });

  for (const template of TEMPLATES) {
    it(template, async () => {
      const folder = real.path(template);
      cpSync(templateFolder(template), folder, { recursive: true });
      const read = () => readFileSync(join(folder, "flake.nix"), "utf8");
      real.write({ [`${template}/flake.nix`]: read().replaceAll("x86_64-linux", SYSTEM) });
      const inputs = real.path("inputs");
      real.write({ [`${template}/flake.lock`]: await flakeLock(read(), { here: inputs, there: inputs }, nix) });
      real.commit(template);

      await nix(["flake", "check", folder]);
      const { nodes } = JSON.parse(await bungee("nodes", "--json", "--flake", folder));
      const seen = (nodes as Node[]).map(({ name, addresses, after, labels }) => [name, { addresses, after, labels }]);
      assert.deepEqual(Object.fromEntries(seen), FLEETS[template].nodes);
      for (const name of Object.keys(FLEETS[template].nodes)) {
        const config = `${folder}#nixosConfigurations.${name}.config`;
        assert.match(
          await nix(["eval", "--raw", `${config}.system.build.toplevel.drvPath`]),
          new RegExp(`-nixos-system-${name}-`),
        );
        assert.equal(
          JSON.parse(await nix(["eval", "--json", `${config}.bungee`, "--apply", "set: set.user or null"])),
          FLEETS[template].user,
        );
      }
      const program = `${folder}#packages.${SYSTEM}.bungee.name`;
      assert.equal(await nix(["eval", "--raw", program]), "bungee");
      assert.equal(real.git(template, "status", "--porcelain"), "", "nothing had to be locked anew");
    });
  }
});

const filesOf = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [file.slice(folder.length), readFileSync(file, "utf8")]),
  );

const nixpkgs = process.env.BUNGEE_NIXPKGS ?? "";
// No test at all where nobody names one: a skipped test is a thing that should have run.
if (nixpkgs !== "") {
  describe("the templates on a real nixpkgs, with bungee's own modules", { timeout: 600_000 }, () => {
    // The pipeline's template sets nix.settings, which is of 22.05.
    const isOlder = Number.parseFloat(readFileSync(join(nixpkgs, ".version"), "utf8")) < 22.05;
    for (const template of TEMPLATES.filter((name) => name !== "ci" || !isOlder)) {
      it(template, () => {
        const expression = `
          let
            lib = import ${nixpkgs}/lib;
            # Before 22.11 the platform was no option, but an argument.
            older = lib.versionOlder lib.version "22.11";
            platform = { options.nixpkgs.hostPlatform = lib.mkOption { }; };
            nixosSystem = { modules }: import ${nixpkgs}/nixos/lib/eval-config.nix {
              system = if older then "x86_64-linux" else null;
              modules = modules ++ lib.optional older platform;
            };
            bungee = (import ${CHECKOUT}/flake.nix).outputs { self = bungee; nixpkgs = { }; };
            self = (import ${templateFolder(template)}/flake.nix).outputs {
              inherit self;
              nixpkgs = { lib = lib // { inherit nixosSystem; }; legacyPackages.x86_64-linux = import ${nixpkgs} { system = "x86_64-linux"; }; };
              bungee = bungee // { packages.x86_64-linux.default = null; };
            };
          in {
            checks = builtins.attrNames (builtins.mapAttrs (_: check: check.drvPath) self.checks.x86_64-linux);
            hosts = builtins.mapAttrs (_: host: host.config.system.build.toplevel.drvPath) self.nixosConfigurations;
          }`;
        const argv = [
          "--extra-experimental-features",
          "nix-command",
          "eval",
          "--json",
          "--impure",
          "--expr",
          expression,
        ];
        const { checks, hosts } = JSON.parse(execFileSync("nix", argv, { encoding: "utf8" }));
        assert.deepEqual(checks, ["bungee-settings"]);
        assert.deepEqual(Object.keys(hosts), Object.keys(FLEETS[template].nodes));
        for (const [name, toplevel] of Object.entries<string>(hosts))
          assert.match(toplevel, new RegExp(`-nixos-system-${name}-.*drv$`));
      });
    }
  });
}

interface Node {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly after: readonly string[];
  readonly labels: object;
}
