/** nix/checks.nix says at `nix flake check` what `bungee deploy` would say, from a schema that is the same. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { schemaAsData, sourcesAsData } from "../../scripts/schema.ts";
import { checkSettings } from "../../src/fleet/schema.ts";
import { nixString } from "../../src/nix/command.ts";
import { LEAD_AWAY, LEAD_HERE, LEAD_HERE_ODDLY } from "./fleet/urls.ts";
import { check, evaluateNix, NIX } from "./nix-eval.ts";

const RIGHT: readonly unknown[] = [
  {},
  { port: null, labels: null, activation: { timeout: null } },
  { addresses: ["10.0.0.5", "web1.example.org", "fe80::1%eth0", "[2001:db8::1]", "bücher.example", "_srv.a-b"] },
  { user: "alice", port: 1, identityFile: "~/.ssh/deploy key", enable: false },
  { user: "alice@example.org", port: 65535, node: "web-1.example" },
  { user: "machine$" },
  { labels: { role: "dns", tier: 1, core: true, "topology/zone": "eu-1", größe: "groß", empty: "", half: 0.5 } },
  { after: ["web2", "db 1"], build: "target", ssh: "openssh", elevation: "run0" },
  { activation: { timeout: 1 }, confirmation: { timeout: 86400, retryEvery: 0.5 }, reboot: { allow: false } },
  { healthChecks: {} },
  { healthChecks: { a: { unit: "nginx.service" }, b: { http: "https://web1/x?y=z" }, c: { tcp: 22 } } },
  {
    healthChecks: { a: { unit: { name: String.raw`a\x2db@c.service`, for: 0 } }, "b.c_d-e": { command: "\n df /\n" } },
  },
  {
    healthChecks: { a: { http: { url: "HTTP://web1", status: 404, contains: "größe", from: "host", address: "::1" } } },
  },
  { healthChecks: { a: { command: "true # ".repeat(9000), period: 0.1, timeout: 1, retries: 0 } } },
];

const WRONG: readonly unknown[] = [
  [],
  "yes",
  { prot: 22 },
  { activation: { timeouts: 1 } },
  { addresses: [] },
  { addresses: "web1" },
  ...["web 1", "-web1", "root@web1", "web1/", "", "a,b", "a\tb"].map((address) => ({ addresses: [address] })),
  ...["", "a b", "-a", "a$b"].map((user) => ({ user })),
  ...[0, 65536, "22", 2.5, -1].map((port) => ({ port })),
  ...["", "-i", "/nix/store/x-key", "a\nb"].map((identityFile) => ({ identityFile })),
  { labels: { "a b": "c" } },
  { labels: { "a=b": "c" } },
  { labels: { "": "c" } },
  { labels: ["a"] },
  ...["a b", "a+b", "a\nb", ["a"], {}].map((value) => ({ labels: { role: value } })),
  { after: "web1" },
  { after: [1] },
  ...["web/1", "", ".a"].map((node) => ({ node })),
  { enable: "yes" },
  { build: "remote" },
  { elevation: "su" },
  { activation: { timeout: 0 } },
  { activation: { timeout: 86401 } },
  { activation: 5 },
  { confirmation: { retryEvery: 0 } },
  { confirmation: { timeout: 1.5 } },
  { healthChecks: { a: {} } },
  { healthChecks: { a: { tcp: 22, command: "true" } } },
  { healthChecks: { a: { period: 1 } } },
  { healthChecks: { a: { cmd: "true" } } },
  { healthChecks: { "a b": { tcp: 22 } } },
  { healthChecks: { ".a": { tcp: 22 } } },
  ...["nginx", "a b.service", "-a.service", { name: "a.service", for: 3601 }, { for: 1 }, 1].map((unit) => ({
    healthChecks: { a: { unit } },
  })),
  ...["", " \n", 1].map((command) => ({ healthChecks: { a: { command } } })),
  ...["ftp://a", "web1", "https://", { status: 200 }, { url: "http://a", status: 99 }].map((http) => ({
    healthChecks: { a: { http } },
  })),
  { healthChecks: { a: { http: { url: "http://a", contains: "a\nb" } } } },
  { healthChecks: { a: { http: { url: "http://a", contains: "" } } } },
  { healthChecks: { a: { http: { url: "http://a", from: "me" } } } },
  { healthChecks: { a: { http: { url: "http://localhost", status: 99 } } } },
  { healthChecks: { a: { tcp: 0 } } },
  { healthChecks: { a: { tcp: { port: 22, address: "a b" } } } },
  { healthChecks: { a: { tcp: 22, retries: -1 } } },
];

/** Only the deployer knows better: what no POSIX expression says. */
const ONLY_AT_DEPLOY: readonly unknown[] = [
  { healthChecks: { a: { http: "https://user:password@web1/" } } },
  { healthChecks: { a: { http: LEAD_HERE_ODDLY[0] } } },
  { healthChecks: { a: { http: "https://[1/" } } },
  { node: "a".repeat(300) },
];

/** Every place where a text has to look like something. */
const TEXTS: readonly ((text: string) => unknown)[] = [
  (text) => ({ addresses: [text] }),
  (text) => ({ user: text }),
  (text) => ({ identityFile: text }),
  (text) => ({ labels: { [text]: "value" } }),
  (text) => ({ labels: { key: text } }),
  (text) => ({ node: text }),
  (text) => ({ healthChecks: { [text]: { tcp: 22 } } }),
  (text) => ({ healthChecks: { a: { unit: `${text}.service` } } }),
  (text) => ({ healthChecks: { a: { command: text } } }),
  (text) => ({ healthChecks: { a: { http: `https://${text}` } } }),
  (text) => ({ healthChecks: { a: { http: { url: "https://web1", contains: text, address: "web1" } } } }),
  (text) => ({ healthChecks: { a: { http: { url: "https://web1", address: text } } } }),
  (text) => ({ healthChecks: { a: { tcp: { port: 22, address: text } } } }),
];

describe("nix/", () => {
  for (const [name, data] of Object.entries({ schema: schemaAsData(), sources: sourcesAsData() })) {
    it(`${name}.json is what node scripts/schema.ts writes`, () => {
      assert.deepEqual(JSON.parse(readFileSync(join(NIX, `${name}.json`), "utf8")), JSON.parse(JSON.stringify(data)));
    });
  }
});

describe("nix/validate.nix", () => {
  const sample = [...RIGHT, ...WRONG, ...ONLY_AT_DEPLOY];
  const said = validated(sample);

  for (const [index, value] of sample.entries()) {
    it(`${index < RIGHT.length ? "takes" : "judges"} ${JSON.stringify(value).slice(0, 100)}`, () => {
      const deploys = checkSettings("x", value).errors;
      assert.equal(deploys.length === 0, index < RIGHT.length, "the sample itself");
      if (ONLY_AT_DEPLOY.includes(value)) assert.deepEqual(said[index], []);
      else assert.equal(said[index]!.length, deploys.length, JSON.stringify([said[index], deploys]));
      // Of a shorthand, the deployer names the field that it stands for.
      if (said[index]!.length > 0) assert.ok(deploys[0]!.startsWith(said[index]![0]!.split(": ")[0]!), said[index]![0]);
    });
  }

  it("refuses no text that a deployment takes, whatever the character", () => {
    const characters = [..."aZ09._-/@:%[]$ +=,\\\"'\n\tüßé日🙂~^`{}|()*?!#&<>;\u0001"];
    const texts = characters.flatMap((one) => [one, `a${one}`, `${one}a`, `a${one}a`]);
    const values = TEXTS.flatMap((at) => texts.map(at));
    const refused = validated(values).map((errors) => errors.length > 0);
    const taken = values.map((value) => checkSettings("x", value).errors.length === 0);
    assert.deepEqual(
      values.filter((_, index) => taken[index] && refused[index]),
      [],
    );
    assert.ok(refused.filter((each) => each).length > values.length / 3, "and most of what it does not take");
  });

  it("says of a URL that leads to who asks what a deployment says, and of no other", () => {
    const ways = (url: string): readonly unknown[] => [
      url,
      { url, from: "deployer", status: 204 },
      { url, address: null },
      { url, from: "host", contains: "x" },
      { url, address: "10.0.0.1" },
    ];
    const urls = [...LEAD_HERE, ...LEAD_HERE_ODDLY, ...LEAD_AWAY];
    const values = urls.flatMap(ways).map((http) => ({ healthChecks: { a: { http } } }));
    const said = validated(values);
    const wrong = values.filter((value, index) => {
      const deploys = checkSettings("x", value).errors;
      const oddly = LEAD_HERE_ODDLY.some((url) => JSON.stringify(value).includes(JSON.stringify(url)));
      assert.equal(
        deploys.length,
        index % 5 < 3 && index < 5 * (urls.length - LEAD_AWAY.length) ? 1 : 0,
        "the table itself",
      );
      const why = (errors: readonly string[]) => errors.map((error) => error.replace(/^.* is not /, ""));
      return !isDeepStrictEqual(why(said[index]!), oddly ? [] : why(deploys));
    });
    assert.deepEqual(wrong, []);
  });

  it("has that in an expression for others too, who know no POSIX", () => {
    const [, pattern = ""] =
      /"pattern": ("\^\[Hh\].*\[Tt\].*")/.exec(readFileSync(join(NIX, "schema.json"), "utf8")) ?? [];
    const expression = new RegExp(JSON.parse(pattern), "u");
    assert.deepEqual(
      [...LEAD_HERE, ...LEAD_AWAY].filter((url) => expression.test(url)),
      LEAD_HERE,
    );
  });

  it("takes a path for its text, and a function for a mistake", () => {
    const errors = evaluateNix(`
      map (value: import ${NIX}/validate.nix { schema = builtins.fromJSON (builtins.readFile ${NIX}/schema.json); at = "x"; inherit value; })
        [ { identityFile = /root/none; } { user = name: name; } ]`);
    assert.deepEqual(errors, [[], ['x.user: "a function" is not a user name']]);
  });
});

describe("lib.checks", () => {
  const web = (settings: string) => `{ nixosConfigurations.web1.config.bungee = ${settings}; }`;

  it("passes a fleet that is right, and one without a setting", () => {
    assert.deepEqual(check("{ }"), ["bungee-settings"]);
    assert.deepEqual(check("{ nixosConfigurations.web1.config = { }; }"), ["bungee-settings"]);
    const fleet = `{
      bungee = { defaults.user = "deploy"; nodes.web1.addresses = [ "10.0.0.5" ]; };
      nixosConfigurations.web1.config.bungee = { after = [ "db1" ]; healthChecks.web.tcp = 80; };
      nixosConfigurations.db1.config = { bungee.after = null; assertions = [ { assertion = true; message = "never"; } ]; };
    }`;
    assert.deepEqual(check(fleet), ["bungee-settings"]);
  });

  it("tells every mistake of the fleet at once", () => {
    const errors = check(`{
      bungee = {
        defaults = { port = "22"; after = [ "db1" ]; };
        nodes = { web1.user = "a b"; web9 = { }; };
        default = { };
      };
      nixosConfigurations = {
        web1.config.bungee = { prot = 22; after = [ "db2" ]; };
        web2.config = { bungee.node = "web3"; assertions = [ { assertion = false; message = "no root file system"; } ]; };
      };
    }`);
    assert.deepEqual(errors, [
      "bungee.default: no such setting; there are defaults, nodes, ci",
      "bungee.nodes.web9: no such node in nixosConfigurations",
      "bungee.defaults.after: cannot be the same for every node; set it for each",
      'bungee.defaults.port: "22" is not a port, 1 to 65535',
      'bungee.nodes.web1.user: "a b" is not a user name',
      errors[5],
      'nixosConfigurations.web1.config.bungee.after: "db2" is not a node of the fleet',
      'nixosConfigurations.web2.config.bungee.node: "web3" is not the name of this node, "web2"',
      "nixosConfigurations.web2: no root file system",
    ]);
    assert.match(
      errors[5]!,
      /^nixosConfigurations\.web1\.config\.bungee\.prot: no such setting \(it is 22\); there are .*\bport\b/,
    );
  });

  it("finds nodes that wait for each other, and not those that wait in a line", () => {
    const fleet = (
      last: string,
    ) => `{ nixosConfigurations = builtins.mapAttrs (_: after: { config.bungee = { inherit after; }; })
      { a = [ "b" ]; b = [ "c" ]; c = ${last}; d = [ ]; }; }`;
    assert.deepEqual(check(fleet('[ "d" ]')), ["bungee-settings"]);
    assert.deepEqual(check(fleet('[ "a" ]')), [
      'these nodes wait for each other: a, b, c; take one of them out of "after"',
    ]);
  });

  it("finds a unit that can never be confirmed in time, whichever layer says so", () => {
    const slow = 'nixosConfigurations.web1.config.bungee.healthChecks.slow.unit = { name = "a.service"; for = 20; };';
    assert.deepEqual(check(`{ ${slow} }`), ["bungee-settings"]);
    assert.deepEqual(check(`{ ${slow} bungee.defaults.confirmation.timeout = 20; }`), [
      "nixosConfigurations.web1.config.bungee.healthChecks.slow.unit.for: 20 is not less than confirmation.timeout, 20",
    ]);
    assert.deepEqual(check(web('{ confirmation.timeout = 3; healthChecks.a.unit = "a.service"; }')).length, 1);
  });

  it("wants an address where the name is none", () => {
    assert.deepEqual(check('{ nixosConfigurations."a b".config = { }; }'), [
      `nixosConfigurations."a b".config.bungee.addresses: must be set, since the node's name cannot be an address`,
    ]);
    assert.deepEqual(check('{ nixosConfigurations."a b".config.bungee.addresses = [ "10.0.0.5" ]; }'), [
      "bungee-settings",
    ]);
  });
});

/** What nix/validate.nix says of each. */
function validated(values: readonly unknown[]): string[][] {
  return evaluateNix(`
    map (value: import ${NIX}/validate.nix { schema = builtins.fromJSON (builtins.readFile ${NIX}/schema.json); at = "x"; inherit value; })
      (builtins.fromJSON ${nixString(JSON.stringify(values))})`) as string[][];
}
