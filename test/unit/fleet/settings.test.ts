import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigurationError } from "../../../src/errors.ts";
import { readSettings } from "../../../src/fleet/settings.ts";

type Bungee = Readonly<Record<string, unknown>>;

function read(nodes: Readonly<Record<string, unknown>>, output: unknown = {}, overrides: Bungee = {}) {
  const raw = Object.entries(nodes).map(([name, bungee]) => [name, { hostName: name, bungee }] as const);
  return readSettings({ names: Object.keys(nodes), output, nodes: new Map(raw) }, overrides);
}

function errorsOf(nodes: Readonly<Record<string, unknown>>, output: unknown = {}, overrides: Bungee = {}): string[] {
  try {
    read(nodes, output, overrides);
  } catch (error) {
    assert.ok(error instanceof ConfigurationError, String(error));
    const [first = "", ...others] = error.message.split("\n  ");
    return others.length > 0 ? others : [first];
  }
  return [];
}

describe("settings", () => {
  it("a plain NixOS configuration has all that is needed", () => {
    assert.deepEqual(read({ web1: {} }).get("web1"), {
      name: "web1",
      hostName: "web1",
      addresses: ["web1"],
      labels: {},
      after: [],
      enable: true,
      build: "local",
      ssh: "auto",
      sshOptions: {},
      elevation: "auto",
      substituteOnTarget: false,
      requireSignature: false,
      activation: { timeout: 240, allowFailedUnits: false },
      confirmation: { timeout: 30, retryEvery: 1 },
      healthChecks: {},
      rollback: { enable: true },
      reboot: { allow: true, timeout: 600 },
      profile: null,
    });
  });

  it("reads every setting", () => {
    const bungee = {
      addresses: ["10.0.0.1", "fe80::1%eth0", "[::1]", "web1.example.org", "bücher.example"],
      user: "deploy",
      port: 2222,
      identityFile: "~/.ssh/deploy key",
      labels: { role: "web", tier: "prod" },
      after: ["db1"],
      enable: false,
      build: "target",
      ssh: "openssh",
      sshOptions: { ProxyJump: "me@bastion:2222", ConnectTimeout: "5" },
      elevation: "sudo",
      substituteOnTarget: true,
      requireSignature: true,
      activation: { timeout: 600, allowFailedUnits: true },
      confirmation: { timeout: 5, retryEvery: 0.2 },
      healthChecks: {},
      rollback: { enable: false },
      reboot: { allow: false, timeout: 60 },
    };
    const web1 = read({ web1: bungee, db1: {} }).get("web1");
    assert.deepEqual(web1, { name: "web1", hostName: "web1", ...bungee, profile: null });
  });

  it("flags win over the node, the node over bungee.nodes, that over bungee.defaults", () => {
    const own = { port: 3, activation: { timeout: 3 }, labels: { own: "3" } };
    const output = {
      defaults: {
        user: "one",
        port: 1,
        elevation: "none",
        activation: { timeout: 1 },
        confirmation: { timeout: 1 },
        labels: { own: "1", common: "1" },
      },
      nodes: {
        web1: { user: "two", port: 2, addresses: ["two"], confirmation: { retryEvery: 2 }, labels: { outer: "2" } },
      },
    };
    const web1 = read({ web1: own, web2: {} }, output, { elevation: "sudo", activation: { timeout: undefined } }).get(
      "web1",
    );
    assert.ok(web1);
    assert.deepEqual([web1.elevation, web1.port, web1.user, web1.addresses], ["sudo", 3, "two", ["two"]]);
    assert.deepEqual([web1.activation.timeout, web1.confirmation], [3, { timeout: 1, retryEvery: 2 }]);
    assert.deepEqual(web1.labels, { own: "3", outer: "2", common: "1" });
    assert.equal(read({ web1: own }, output, { port: 4 }).get("web1")?.port, 4);
  });

  it("takes null for what is not set, at any depth", () => {
    const bungee = { user: null, port: null, labels: { a: null }, activation: { timeout: null }, confirmation: null };
    assert.deepEqual(read({ web1: bungee }, null).get("web1"), read({ web1: {} }).get("web1"));
  });

  it("takes numbers and booleans for labels", () => {
    assert.deepEqual(read({ web1: { labels: { tier: 1, canary: true } } }).get("web1")?.labels, {
      tier: "1",
      canary: "true",
    });
  });

  it("has no host name where NixOS has none", () => {
    const nodes = new Map([["a", { hostName: "", bungee: {} }]]);
    assert.equal(readSettings({ names: ["a"], output: {}, nodes }).get("a")?.hostName, null);
  });

  it("keeps the fleet's order, and leaves out what could not be read", () => {
    const raw = { hostName: null, bungee: {} };
    const nodes = readSettings({
      names: ["b", "broken", "a"],
      output: {},
      nodes: new Map([
        ["a", raw],
        ["b", raw],
      ]),
    });
    assert.deepEqual([...nodes.keys()], ["b", "a"]);
  });
});

describe("mistakes name field, value and what is expected", () => {
  const at = "nixosConfigurations.web1.config.bungee";
  const port = "is not a port, 1 to 65535";
  const time = "is not a whole number of seconds, 1 to 86400";
  const address = "is not a host name or an IP address, without spaces, user or port";
  const cases: readonly [unknown, string][] = [
    [{ adresses: ["a"] }, `${at}.adresses: no such setting (it is ["a"]); did you mean addresses?`],
    [{ activation: { timeuot: 3 } }, `${at}.activation.timeuot: no such setting (it is 3); did you mean timeout?`],
    [{ "we ird": 1 }, `${at}."we ird": no such setting (it is 1)`],
    [{ port: "22" }, `${at}.port: "22" ${port}`],
    [{ port: 0 }, `${at}.port: 0 ${port}`],
    [{ port: 65536 }, `${at}.port: 65536 ${port}`],
    [{ port: 22.5 }, `${at}.port: 22.5 ${port}`],
    [{ addresses: "10.0.0.1" }, `${at}.addresses: "10.0.0.1" is not a list of addresses`],
    [{ addresses: [] }, `${at}.addresses: [] is not a list of at least one address`],
    [{ addresses: ["-oProxyCommand=x"] }, `${at}.addresses[0]: "-oProxyCommand=x" ${address}`],
    [{ addresses: ["a", "b c"] }, `${at}.addresses[1]: "b c" ${address}`],
    [{ addresses: ["root@a"] }, `${at}.addresses[0]: "root@a" ${address}`],
    [{ addresses: ["$(id)"] }, `${at}.addresses[0]: "$(id)" ${address}`],
    [{ addresses: [""] }, `${at}.addresses[0]: "" ${address}`],
    [{ user: "-l" }, `${at}.user: "-l" is not a user name`],
    [{ user: "a b" }, `${at}.user: "a b" is not a user name`],
    [{ user: "a\nb" }, `${at}.user: "a\\nb" is not a user name`],
    [{ activation: { timeout: 0 } }, `${at}.activation.timeout: 0 ${time}`],
    [{ activation: { timeout: "4m" } }, `${at}.activation.timeout: "4m" ${time}`],
    [{ confirmation: { timeout: 0.5 } }, `${at}.confirmation.timeout: 0.5 ${time}`],
    [{ confirmation: { retryEvery: -1 } }, `${at}.confirmation.retryEvery: -1 is not a number of seconds above 0`],
    [{ activation: 30 }, `${at}.activation: 30 is not an attribute set`],
    [{ rollback: { enable: "yes" } }, `${at}.rollback.enable: "yes" is not true or false`],
    [{ build: "remote" }, `${at}.build: "remote" is not one of "local", "target"`],
    [{ elevation: "su" }, `${at}.elevation: "su" is not one of "auto", "none", "sudo", "doas", "run0"`],
    [{ ssh: "putty" }, `${at}.ssh: "putty" is not one of "auto", "ssh2", "openssh"`],
    [{ labels: ["web"] }, `${at}.labels: ["web"] is not an attribute set of labels`],
    [
      { labels: { role: ["web"] } },
      `${at}.labels.role: ["web"] is not a label's value: text without spaces, + or control characters`,
    ],
    [
      { labels: { role: "a+b" } },
      `${at}.labels.role: "a+b" is not a label's value: text without spaces, + or control characters`,
    ],
    [{ labels: { "a=b": "c" } }, `${at}.labels."a=b": is not a label's name: letters, digits, and any of . _ / -`],
    [{ after: "web2" }, `${at}.after: "web2" is not a list of nodes' names`],
    [{ node: "web2" }, `${at}.node: "web2" is not the name of this node, "web1"`],
    [{ node: "web 1" }, `${at}.node: "web 1" is not a node's name: letters, digits, and any of . _ -`],
    [{ after: ["wbe2"] }, `${at}.after[0]: "wbe2" is not a node of the fleet; did you mean web2?`],
    [
      { identityFile: "-x" },
      `${at}.identityFile: "-x" is not the path of a private key; not one in the nix store, where everybody can read it`,
    ],
    [
      { identityFile: "/nix/store/x-key" },
      `${at}.identityFile: "/nix/store/x-key" is not the path of a private key; not one in the nix store, where everybody can read it`,
    ],
    ["web", `${at}: "web" is not an attribute set`],
    [["web"], `${at}: ["web"] is not an attribute set`],
  ];
  for (const [bungee, message] of cases) {
    it(message, () => assert.deepEqual(errorsOf({ web1: bungee, web2: {} }), [message]));
  }

  const outputs: readonly [unknown, string][] = [
    [{ node: {} }, "bungee.node: no such setting (it is {}); did you mean nodes?"],
    [{ nodes: { web3: {} } }, "bungee.nodes.web3: no such node in nixosConfigurations; did you mean web1?"],
    [{ nodes: { web1: { port: 0 } } }, `bungee.nodes.web1.port: 0 ${port}`],
    [{ nodes: [] }, "bungee.nodes: [] is not an attribute set"],
    [{ defaults: { prot: 22 } }, "bungee.defaults.prot: no such setting (it is 22); did you mean port?"],
    [
      { defaults: { addresses: ["a"] } },
      "bungee.defaults.addresses: cannot be the same for every node; set it for each",
    ],
    [7, "bungee: 7 is not an attribute set"],
  ];
  for (const [output, message] of outputs) {
    it(message, () => assert.deepEqual(errorsOf({ web1: {}, web2: {} }, output), [message]));
  }

  it("the command line's, too", () => {
    assert.deepEqual(errorsOf({ web1: {} }, {}, { port: 0 }), [`the command line.port: 0 ${port}`]);
  });

  it("all of them at once", () => {
    const errors = errorsOf({ web1: { port: 0, usr: "x", user: "" }, web2: { build: 1 } }, { defaults: { enable: 1 } });
    assert.equal(errors.length, 5, errors.join("\n"));
  });

  it("a node whose name is no address needs one", () => {
    const [error] = errorsOf({ "my host": {} });
    assert.equal(
      error,
      `nixosConfigurations."my host".config.bungee.addresses: must be set, since the node's name cannot be an address`,
    );
    assert.deepEqual(errorsOf({ "my host": { addresses: ["10.0.0.1"] } }), []);
  });

  it("nodes that wait for each other", () => {
    assert.deepEqual(errorsOf({ a: { after: ["b"] }, b: { after: ["c"] }, c: { after: ["a"] } }), [
      'these nodes wait for each other: a → b → c → a; take one of them out of "after"',
    ]);
  });

  it("long values are cut", () => {
    const [error = ""] = errorsOf({ web1: { port: "x".repeat(5000) } });
    assert.ok(error.length < 200, error);
  });
});

describe("settings beyond measure", () => {
  const many = (make: (index: number) => unknown) => Array.from({ length: 5000 }, (_, index) => make(index));

  it("a value of thousands of levels is shown as that", () => {
    let deep: unknown = 1;
    for (let level = 0; level < 20_000; level++) deep = { a: deep };
    const [error] = errorsOf({ web1: { labels: deep, deep } });
    assert.match(error ?? "", /^nixosConfigurations\.web1\.config\.bungee\.labels\.a: /);
    assert.match(
      errorsOf({ web1: { deep } })[0] ?? "",
      /deep: no such setting \(it is a value of thousands of levels\)/,
    );
  });

  it("of thousands of mistakes the first are told, and how many there are", () => {
    const wrong = Object.fromEntries(
      many((index) => [`web${index}`, { adresses: [], after: [`wbe${index}`] }]) as [][],
    );
    const errors = errorsOf(wrong);
    assert.equal(errors.length, 26);
    assert.match(errors.at(-1) ?? "", /^and \d+ more$/);
  });

  it("a long name, and a long chain of hosts that wait for each other, are shortened", () => {
    const [error = ""] = errorsOf({ web1: { ["x".repeat(1e6)]: "y".repeat(1e6) } });
    assert.ok(error.length < 300, error.slice(0, 300));
    const ring = Object.fromEntries(
      many((index) => [`web${index}`, { after: [`web${((index as number) + 1) % 5000}`] }]) as [][],
    );
    const [cycle = ""] = errorsOf(ring);
    assert.match(cycle, /^these nodes wait for each other: web0 → web1 → .* → … → web4999 → web0; /);
    assert.ok(cycle.length < 500, cycle.slice(0, 500));
  });
});
