/**
 * The modules of nix/ on a real nixpkgs: BUNGEE_NIXPKGS names one, as a directory. The rest of the suite needs none.
 * They are evaluated down to the derivation of the system; nothing is built.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";

const nixpkgs = process.env.BUNGEE_NIXPKGS ?? "";
const checkout = join(import.meta.dirname, "..", "..");
const MODULES = ["default", "deploy-user", "metrics", "cache", "cache-client"];

const EVERYTHING = `{
  bungee = {
    addresses = [ "10.0.0.5" ]; labels = { role = "dns"; tier = 1; core = true; };
    confirmation.retryEvery = 0.5;
    healthChecks = { web.http = "https://web1/"; db.tcp = 5432; app.unit = "app.service"; disk.command = "true"; };
  };
  services.openssh.enable = true;
  services.bungee = {
    deployUser = { enable = true; authorizedKeys = [ "ssh-ed25519 AAAA ci" "ssh-ed25519 BBBB me" ]; trusted = true; };
    metrics.enable = true;
    cache.push = { enable = true; authorizedKeys = [ "ssh-ed25519 CCCC ci" ]; trusted = true; };
    cacheClient = { enable = true; urls = [ "https://cache.example.org" ]; publicKeys = [ "cache.example.org-1:AAAA=" ]; };
  };
}`;

const CACHE = `{ services.bungee.cache = {
  enable = true; domain = "cache.example.org"; certificate = "/run/keys/cert.pem"; certificateKey = "/run/keys/key.pem";
}; }`;

interface Made {
  readonly toplevel: string;
  readonly healthChecks: Record<string, { http: { url: string }; tcp: { port: number }; unit: { name: string } }>;
  readonly etc: readonly string[];
  readonly nix: { readonly urls: readonly string[]; readonly keys: readonly string[] };
  readonly sudo: string;
  readonly path: readonly string[];
  readonly exporter: string;
  readonly metrics: string;
}

interface Cache {
  readonly has: boolean;
  readonly failed: readonly string[];
  readonly warnings: readonly string[];
  readonly serves: { readonly unit: unknown; readonly key: readonly string[]; readonly host: object } | null;
}

// No test at all where nobody names one: a skipped test is a thing that should have run.
if (nixpkgs !== "") describe("the modules of nix/ on a real nixpkgs", { timeout: 600_000 }, suite);

function suite(): void {
  it("make a system with everything enabled", () => {
    const made = evaluate(
      MODULES,
      EVERYTHING,
      `{
        toplevel = config.system.build.toplevel.drvPath;
        inherit (config.bungee) healthChecks;
        etc = builtins.filter (name: builtins.substring 0 7 name == "bungee/") (builtins.attrNames config.environment.etc);
        nix = {
          urls = config.nix.settings.substituters or config.nix.binaryCaches;
          keys = config.nix.settings.trusted-public-keys or config.nix.binaryCachePublicKeys;
          conf = config.environment.etc."nix/nix.conf".source.drvPath;
        };
        sudo = config.security.sudo.configFile;
        path = config.systemd.paths.bungee-metrics.pathConfig.PathChanged;
        exporter = config.systemd.services.prometheus-node-exporter.serviceConfig.ExecStart;
        metrics = config.systemd.services.bungee-metrics.script;
      }`,
    ) as Made;
    const { toplevel, healthChecks, etc, nix: conf, sudo, path, exporter, metrics } = made;
    assert.match(toplevel, /-nixos-system-web1-.*\.drv$/);
    assert.deepEqual(
      [healthChecks.web?.http.url, healthChecks.db?.tcp.port, healthChecks.app?.unit.name],
      ["https://web1/", 5432, "app.service"],
    );
    assert.deepEqual(etc, ["bungee/health-checks/disk", "bungee/node"]);
    assert.ok(
      conf.urls.includes("https://cache.example.org") &&
        conf.urls.some((url) => url.startsWith("https://cache.nixos.org")),
    );
    assert.ok(conf.keys.includes("cache.example.org-1:AAAA=") && conf.keys.length === 2);
    assert.match(
      sudo,
      /^deploy\s+ALL=\(root\)\s+NOPASSWD: \/run\/current-system\/sw\/bin\/bungee-activator-restricted$/m,
    );
    assert.ok(path.includes("/var/lib/bungee"));
    assert.match(exporter, /--collector\.textfile[ \\\n].*--collector\.textfile\.directory=\/run\/bungee-metrics/s);
    assert.match(metrics, /^exec \/nix\/store\/\S+ \/nix\/store\/\S+metrics\.sh \/run\/bungee-metrics\/bungee\.prom$/m);
  });

  it("change nothing while they are not enabled", () => {
    const toplevel = "config.system.build.toplevel.drvPath";
    assert.equal(evaluate(MODULES, "{ }", toplevel), evaluate(["default"], "{ }", toplevel));
  });

  it("serve the store by Harmonia and nginx, or say that this nixpkgs has none", () => {
    const made = evaluate(
      MODULES,
      CACHE,
      `{
        has = options.services ? harmonia;
        failed = map (each: each.message) (builtins.filter (each: !each.assertion) config.assertions);
        warnings = config.warnings;
        serves = if !options.services ? harmonia then null else {
          toplevel = config.system.build.toplevel.drvPath;
          unit = config.systemd.services.harmonia.serviceConfig.LoadCredential;
          key = config.systemd.services.bungee-cache-key.requiredBy;
          host = { inherit (config.services.nginx.virtualHosts."cache.example.org") forceSSL sslCertificate enableACME; };
        };
      }`,
    ) as Cache;
    if (!made.has) {
      assert.equal(made.failed.length, 1);
      assert.match(made.failed[0]!, /^services\.bungee\.cache: this nixpkgs has no services\.harmonia/);
      return;
    }
    assert.deepEqual([made.failed, made.warnings], [[], []]);
    assert.ok(made.serves);
    assert.match(JSON.stringify(made.serves.unit), /:\/var\/lib\/bungee-cache\/secret\.key"/);
    assert.deepEqual(made.serves.key, ["harmonia.service"]);
    assert.deepEqual(made.serves.host, { forceSSL: true, sslCertificate: "/run/keys/cert.pem", enableACME: false });
  });

  it("refuse what is not of an option's type, by its name", () => {
    for (const [option, value] of [
      ["bungee.port", "70000"],
      ["bungee.confirmation.retryEvery", "0"],
      ["bungee.healthChecks", "{ a.tpc = 22; }"],
      ["services.bungee.deployUser.name", '"a b"'],
      ["services.bungee.cacheClient.publicKeys", '[ "no key" ]'],
    ] as const) {
      const { status, stderr } = run(MODULES, `{ ${option} = ${value}; }`, `builtins.deepSeq config.${option} true`);
      assert.notEqual(status, 0, option);
      assert.ok(stderr.includes(`\`${option}`), stderr);
    }
  });

  it("are checked for the whole fleet by lib.checks", () => {
    const check = (
      settings: string,
    ) => `(((import ${checkout}/flake.nix).outputs { self = { }; nixpkgs = { }; }).lib.checks {
      inherit pkgs;
      flake.nixosConfigurations.web1 = { inherit config; };
      flake.bungee = ${settings};
    }).bungee-settings.drvPath`;
    assert.match(evaluate(MODULES, EVERYTHING, check("{ }")) as string, /-bungee-settings\.drv$/);
    const { stderr } = run(MODULES, EVERYTHING, check("{ nodes.web1.port = 0; }"));
    assert.match(stderr, /bungee\.nodes\.web1\.port: 0 is not a port, 1 to 65535/);
  });
}

/** → what `wanted` gives, of `config`, `options` and `pkgs`. */
function evaluate(modules: readonly string[], configuration: string, wanted: string): unknown {
  const { status, stdout, stderr } = run(modules, configuration, wanted);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

function run(modules: readonly string[], configuration: string, wanted: string) {
  const expression = `
    let
      host = {
        networking.hostName = "web1";
        fileSystems."/".device = "/dev/sda1";
        boot.loader.grub.devices = [ "/dev/sda" ];
        system.stateVersion = "20.09";
      };
      ours = ((import ${checkout}/flake.nix).outputs { self = { }; nixpkgs = { }; }).nixosModules;
      system = import ${nixpkgs}/nixos/lib/eval-config.nix {
        system = "x86_64-linux";
        modules = [ host (${configuration}) ${modules.map((name) => `ours.${name}`).join(" ")} ];
      };
      inherit (system) config options pkgs;
    in ${wanted}`;
  const argv = ["--extra-experimental-features", "nix-command", "eval", "--json", "--impure", "--expr", expression];
  return spawnSync("nix", argv, { encoding: "utf8" });
}
