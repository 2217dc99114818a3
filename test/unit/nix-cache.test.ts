/** nix/cache.nix, nix/cache-client.nix and nix/metrics.nix: what they make of their options, on nixpkgs of several ages. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { evaluateNix } from "./nix-eval.ts";

const checkout = join(import.meta.dirname, "..", "..");

type Set = { readonly [name: string]: Set } & object;

/** As much of nixpkgs' lib as the modules use: a condition gives its content, or null. `options` is Nix. */
function make(file: string, settings: object, options = "{ services = { }; nix.settings = 0; }"): Set | null {
  const name = NAMES[file]!;
  const expression = `
    let
      lib = {
        mkOption = option: option;
        types = { bool = 0; str = 0; port = 0; nullOr = _: 0; listOf = _: 0; strMatching = _: 0; ints.between = _: _: 0; };
        mkIf = condition: content: if condition then content else null;
        optionalAttrs = condition: set: if condition then set else { };
        inherit (builtins) any filter;
        hasPrefix = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
      };
      module = import ${join(checkout, "nix", file)} {
        inherit lib;
        config.services.bungee.${name} = mapped // builtins.fromJSON ''${JSON.stringify(settings)}'';
        config.nix.package = "a nix";
        options = ${options};
        pkgs.runtimeShell = "/a/shell";
      };
      mapped = builtins.mapAttrs (_: option: option.default or "unset") module.options.services.bungee.${name};
    in module.config`;
  return evaluateNix(expression) as Set | null;
}

const NAMES: Readonly<Record<string, string>> = {
  "cache.nix": "cache",
  "cache-client.nix": "cacheClient",
  "metrics.nix": "metrics",
};

for (const file of Object.keys(NAMES)) {
  it(`nix/${file} makes nothing at all unless it is enabled`, () => {
    assert.equal(make(file, {}), null);
  });
}

it("nixos-modules.md has every option of these modules, with its default", () => {
  const text = readFileSync(join(checkout, "docs/nixos-modules.md"), "utf8");
  for (const [file, name] of Object.entries(NAMES)) {
    const [, table = ""] = text.split(`| option of \`services.bungee.${name}\` |`);
    const rows = table.slice(0, table.indexOf("\n\n"));
    const options = readFileSync(join(checkout, "nix", file), "utf8").matchAll(
      /^ {4}(\w+) = mkOption \{(.*?)^ {4}\};/gms,
    );
    let found = 0;
    for (const [, option, body = ""] of options) {
      found++;
      const row = rows.split("\n").find((line) => line.includes(`\`${option}\``) && line.startsWith("|"));
      assert.ok(row, `${name}.${option}`);
      const fallback = / default = (.*);/.exec(body)?.[1];
      if (fallback !== undefined && fallback !== "null")
        assert.ok(row.includes(`| \`${fallback}\` |`), `${row} ${fallback}`);
    }
    assert.ok(found >= 3);
  }
});

describe("nix/cache.nix", () => {
  const harmonia = (has: string) => `{ services.harmonia = ${has}; }`;
  const OLD = "{ enable = 0; signKeyPath = 0; settings = 0; }";
  const enabled = { enable: true, domain: "cache.example.org" };
  const settings = { bind: "127.0.0.1:5000", priority: 30 };

  it("speaks to Harmonia by the options that nixpkgs has", () => {
    const own = { ...enabled, signingKeyFile: "/run/keys/cache" };
    const said = (has: string) => make("cache.nix", own, harmonia(has))!.services!.harmonia;
    assert.deepEqual(said(OLD), { enable: true, settings, signKeyPath: "/run/keys/cache" });
    assert.deepEqual(said("{ enable = 0; signKeyPath = 0; signKeyPaths = 0; }"), {
      enable: true,
      settings,
      signKeyPaths: ["/run/keys/cache"],
    });
    // The newest still knows the old names, and warns of them.
    assert.deepEqual(said("{ cache.enable = 0; enable = 0; signKeyPath = 0; signKeyPaths = 0; }"), {
      cache: { enable: true, settings, signKeyPaths: ["/run/keys/cache"] },
    });
  });

  it("makes a signing key where none is given, before Harmonia wants it, and only once", (test) => {
    const made = make("cache.nix", enabled, harmonia(OLD))!;
    assert.equal(made.services!.harmonia!.signKeyPath, "/var/lib/bungee-cache/secret.key");
    const unit = made.systemd!.services!["bungee-cache-key"]!;
    assert.deepEqual([unit.requiredBy, unit.before], [["harmonia.service"], ["harmonia.service"]]);
    assert.deepEqual(unit.unitConfig, { ConditionPathExists: "!/var/lib/bungee-cache/secret.key" });
    // The unit runs as root in its own directory, with this mask.
    const folder = mkdtempSync(join(tmpdir(), "bungee-cache-key-"));
    test.after(() => rmSync(folder, { recursive: true, force: true }));
    assert.deepEqual(
      [unit.serviceConfig!.WorkingDirectory, unit.serviceConfig!.UMask],
      ["/var/lib/bungee-cache", "0077"],
    );
    execFileSync("sh", ["-e", "-c", `umask 0077\n${unit.script}`], { cwd: folder });
    const modes = readdirSync(folder).map((file) => [file, (statSync(join(folder, file)).mode & 0o777).toString(8)]);
    assert.deepEqual(modes, [
      ["public.key", "644"],
      ["secret.key", "600"],
    ]);
    assert.match(readFileSync(join(folder, "public.key"), "utf8"), /^cache\.example\.org-1:[A-Za-z0-9+/]{43}=$/);
    const given = make("cache.nix", { ...enabled, signingKeyFile: "/run/keys/cache" }, harmonia(OLD))!;
    assert.equal(given.systemd!.services!["bungee-cache-key"], null);
  });

  it("puts TLS before it, by ACME or by a certificate that is given", () => {
    const host = (more: object) =>
      make("cache.nix", { ...enabled, ...more }, harmonia(OLD))!.services!.nginx!.virtualHosts!["cache.example.org"]!;
    const { locations, ...acme } = host({});
    assert.deepEqual(acme, { forceSSL: true, enableACME: true });
    assert.equal(locations!["/"]!.proxyPass, "http://127.0.0.1:5000");
    const { locations: _, ...given } = host({ certificate: "/run/keys/cert", certificateKey: "/run/keys/key" });
    assert.deepEqual(given, { forceSSL: true, sslCertificate: "/run/keys/cert", sslCertificateKey: "/run/keys/key" });
  });

  it("opens the firewall for nginx, unless it is told not to", () => {
    const ports = (more: object) => {
      const made = make("cache.nix", { ...enabled, ...more }, harmonia(OLD))!;
      return made.networking!.firewall!.allowedTCPPorts;
    };
    assert.deepEqual([ports({}), ports({ openFirewall: false })], [[80, 443], null]);
  });

  it("refuses a nixpkgs without Harmonia, half a certificate, and keys in the store", () => {
    const failed = (more: object, options = harmonia(OLD)) =>
      (
        make("cache.nix", { ...enabled, ...more }, options)!.assertions as unknown as {
          assertion: boolean;
          message: string;
        }[]
      )
        .filter(({ assertion }) => !assertion)
        .map(({ message }) => message.replace(/^services\.bungee\.cache: /, "").split(" ")[0]);
    assert.deepEqual(failed({}), []);
    assert.deepEqual(failed({}, "{ services = { }; }"), ["this"]);
    assert.deepEqual(failed({ certificate: "/run/keys/cert" }), ["certificate"]);
    assert.deepEqual(failed({ signingKeyFile: "/nix/store/x-key" }), ["signingKeyFile"]);
    const key = { certificate: "/nix/store/x-cert", certificateKey: "/nix/store/x-key" };
    assert.deepEqual(failed(key), ["signingKeyFile"]);
  });
});

describe("nix/cache-client.nix", () => {
  const cache = { urls: ["https://cache.example.org"], publicKeys: ["cache.example.org-1:AAAA="] };

  it("adds caches and keys by the options that nixpkgs has, and does not wait for a cache that is down", () => {
    assert.deepEqual(make("cache-client.nix", { enable: true, ...cache })!.nix, {
      settings: {
        substituters: cache.urls,
        "trusted-public-keys": cache.publicKeys,
        "connect-timeout": 5,
        fallback: true,
      },
    });
    assert.deepEqual(make("cache-client.nix", { enable: true, ...cache }, "{ nix.binaryCaches = 0; }")!.nix, {
      binaryCaches: cache.urls,
      binaryCachePublicKeys: cache.publicKeys,
      extraOptions: "connect-timeout = 5\nfallback = true\n",
    });
  });

  it("refuses to be enabled for nothing", () => {
    const holds = (settings: object) =>
      make("cache-client.nix", { enable: true, ...settings })!.assertions![0]!.assertion;
    assert.deepEqual([holds(cache), holds({ urls: cache.urls }), holds({})], [true, false, false]);
  });
});

describe("nix/metrics.nix", () => {
  it("writes where node exporter reads, on change and by timer", () => {
    const made = make("metrics.nix", { enable: true })!;
    const start = String(made.systemd!.services!["bungee-metrics"]!.script);
    assert.match(start, /^exec \/a\/shell \/\S+metrics\.sh \/run\/bungee-metrics\/bungee\.prom$/m);
    const watched = made.systemd!.paths!["bungee-metrics"]!.pathConfig!.PathChanged;
    assert.deepEqual(watched, ["/nix/var/nix/profiles", "/var/lib/bungee"]);
    assert.deepEqual(made.systemd!.timers!["bungee-metrics"]!.timerConfig, {
      AccuracySec: "5s",
      OnCalendar: "minutely",
    });
    const { unitConfig } = made.systemd!.services!["bungee-metrics"]!;
    assert.deepEqual(unitConfig, { StartLimitIntervalSec: 0 }, "however often a path changes");
    assert.deepEqual(made.services!.prometheus!.exporters!.node!.extraFlags, [
      "--collector.textfile.directory=/run/bungee-metrics",
    ]);
  });

  it("leaves node exporter to those who have their own", () => {
    const made = make("metrics.nix", { enable: true, nodeExporter: false, directory: "/var/lib/textfiles" })!;
    assert.equal(made.services!.prometheus!.exporters!.node, null);
    assert.match(String(made.systemd!.services!["bungee-metrics"]!.script), / \/var\/lib\/textfiles\/bungee\.prom$/m);
  });
});

it("nix/scrape-targets.nix names the nodes that tell their metrics, as Prometheus wants it", () => {
  const expression = `import ${checkout}/nix/scrape-targets.nix {
    nixosConfigurations = builtins.mapAttrs (_: config: { inherit config; }) {
      silent = { };
      off.services.bungee.metrics.enable = false;
      plain.services.bungee.metrics.enable = true;
      web1 = {
        services.bungee.metrics.enable = true;
        bungee = { addresses = [ "fe80::1" "web1.example.org" ]; labels = { "topology/zone" = "eu"; tier = 1; core = true; }; };
      };
    };
  }`;
  assert.deepEqual(evaluateNix(expression), [
    { targets: ["plain:9100"], labels: { node: "plain" } },
    { targets: ["[fe80::1]:9100"], labels: { node: "web1", topology_zone: "eu", tier: "1", core: "true" } },
  ]);
});
