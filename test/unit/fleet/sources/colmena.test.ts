import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { colmenaSource } from "../../../../src/fleet/sources/colmena.ts";
import { reading } from "./reading.ts";

type Values = Readonly<Record<string, unknown>>;

/** What colmena's own module gives to a node that sets nothing. */
const DEFAULTS = {
  targetHost: "web1",
  targetPort: null,
  targetUser: "root",
  allowLocalDeployment: false,
  buildOnTarget: false,
  tags: [],
  replaceUnknownProfiles: true,
  privilegeEscalationCommand: ["sudo", "-H", "--"],
  sshOptions: [],
};
const entry = (deployment: Values = {}, more: Values = {}) => ({
  hostName: "web1",
  bungee: {},
  keys: [],
  deployment: { ...DEFAULTS, ...deployment },
  ...more,
});
const read = (entries: Values, options = {}) => reading(colmenaSource, entries, options);

describe("colmenaHive", () => {
  it("a node that sets nothing", () => {
    const all = read({ web1: entry() });
    const { addresses, user, port, elevation, build, labels, enable, substituteOnTarget, profile } = all
      .settingsOf()
      .get("web1")!;
    assert.deepEqual(
      { addresses, user, port, elevation, build, labels, enable, substituteOnTarget, profile },
      {
        addresses: ["web1"],
        user: "root",
        port: undefined,
        elevation: "auto",
        build: "local",
        labels: {},
        enable: true,
        substituteOnTarget: true,
        profile: null,
      },
    );
    assert.deepEqual([all.notes, all.errors, all.notAll], [[], [], null]);
  });

  const settings: readonly [name: string, deployment: Values, expected: Values, notes?: readonly RegExp[]][] = [
    ["targetHost", { targetHost: "10.0.0.1" }, { addresses: ["10.0.0.1"] }],
    ["targetPort", { targetPort: 2222 }, { port: 2222 }],
    ["targetUser", { targetUser: "deploy" }, { user: "deploy", elevation: "auto" }],
    ["targetUser = null", { targetUser: null }, { user: undefined }],
    ["tags", { tags: ["web", "infra-lax"] }, { labels: { web: "true", "infra-lax": "true" } }],
    ["an odd tag", { tags: ["a b", "c"] }, { labels: { c: "true" } }, [/^deployment\.tags: "a b" cannot be a label/]],
    ["buildOnTarget", { buildOnTarget: true }, { build: "target" }],
    ["privilegeEscalationCommand", { targetUser: "a", privilegeEscalationCommand: ["doas"] }, { elevation: "doas" }],
    [
      "… of another kind",
      { targetUser: "a", privilegeEscalationCommand: ["ssh-askpass-sudo"] },
      { elevation: "auto" },
      [/^deployment\.privilegeEscalationCommand = .*: bungee becomes/],
    ],
    [
      "… with more",
      { targetUser: "a", privilegeEscalationCommand: ["sudo", "-E"] },
      { elevation: "sudo" },
      [/not taken: -E$/],
    ],
    ["… for root", { privilegeEscalationCommand: ["doas"] }, { elevation: "auto" }],
    ["sshOptions", { sshOptions: ["-o", "ProxyJump=b", "-p", "9"] }, { port: 9, sshOptions: { ProxyJump: "b" } }],
    ["sshOptions with another port", { targetPort: 22, sshOptions: ["-oPort=9", "-p", "7"] }, { port: 9 }],
    ["sshOptions with a user", { targetUser: null, sshOptions: ["-l", "b"] }, { user: "b" }],
    ["sshOptions with another user", { targetUser: "a", sshOptions: ["-l", "b"] }, { user: "a" }],
    [
      "sshOptions with an address",
      { targetHost: "x", sshOptions: ["-oHostName=10.9.9.9"] },
      { addresses: ["10.9.9.9"] },
    ],
    [
      "sshOptions that cannot be",
      { sshOptions: ["-o", "ForwardAgent=yes"] },
      {},
      [/^deployment\.sshOptions: not taken: -o ForwardAgent=yes/],
    ],
    [
      "replaceUnknownProfiles = false",
      { replaceUnknownProfiles: false },
      {},
      [/^deployment\.replaceUnknownProfiles = false: bungee deploys whatever/],
    ],
    [
      "allowLocalDeployment",
      { allowLocalDeployment: true },
      {},
      [/^deployment\.allowLocalDeployment: bungee deploys by ssh only/],
    ],
    ["one of a newer colmena", { newThing: 1 }, {}, [/^deployment\.newThing = 1: bungee does not know it$/]],
  ];
  for (const [name, deployment, expected, notes = []] of settings) {
    it(name, () => {
      const all = read({ web1: entry(deployment) });
      const node = all.settingsOf().get("web1")!;
      for (const [key, value] of Object.entries(expected)) assert.deepEqual(node[key as keyof typeof node], value, key);
      const told = all.notesOf("web1");
      assert.equal(told.length, notes.length, told.join(" | "));
      for (const [index, note] of notes.entries()) assert.match(told[index]!, note);
    });
  }

  it("a node without targetHost is not deployed, unless bungee's output says where it is", () => {
    const entries = { web1: entry({ targetHost: null }) };
    const all = read(entries);
    assert.equal(all.settingsOf().get("web1")?.enable, false);
    assert.match(all.nodes.get("web1")?.notEnabled ?? "", /targetHost = null/);
    const output = { nodes: { web1: { enable: true, addresses: ["10.0.0.1"] } } };
    const { enable, addresses } = read(entries, { output }).settingsOf().get("web1")!;
    assert.deepEqual([enable, addresses], [true, ["10.0.0.1"]]);
  });

  it("what a host's own config.bungee says wins", () => {
    const { user, labels } = read({
      web1: entry({ tags: ["web"] }, { bungee: { user: "me", labels: { tier: "prod" } } }),
    })
      .settingsOf()
      .get("web1")!;
    assert.deepEqual([user, labels], ["me", { web: "true", tier: "prod" }]);
  });

  it("of the keys their names are known, and nothing else", () => {
    assert.deepEqual(read({ web1: entry({}, { keys: ["acme", "db"] }) }).nodes.get("web1")?.keys, ["acme", "db"]);
    assert.doesNotMatch(colmenaSource.entry, /\b(text|keyFile|keyCommand)\b/);
  });

  it("meta: all at once may be forbidden, and the machines file is told of", () => {
    const all = read(
      { web1: entry() },
      { common: { allowApplyAll: false, machinesFile: "/etc/machines", name: "hive" } },
    );
    assert.equal(all.notAll, "meta.allowApplyAll is false");
    assert.match(all.notesOf(null).join(), /builders = @\/etc\/machines/);
    assert.deepEqual(read({}, { common: { allowApplyAll: "no" } }).errors, [
      'colmenaHive.metaConfig.allowApplyAll: "no" is not true or false',
    ]);
  });

  for (const [what, deployment, error] of [
    ["a port", { targetPort: "22" }, /^colmenaHive\.nodes\.web1\.config\.deployment\.targetPort: "22" is not a port/],
    ["tags", { tags: "web" }, /tags: "web" is not a list of texts$/],
    ["a host", { targetHost: "root@web1" }, /targetHost: "root@web1" is not a host name or an IP address/],
  ] as const) {
    it(`${what} of a wrong kind is an error`, () => {
      const { errors } = read({ web1: entry(deployment) });
      assert.equal(errors.length, 1);
      assert.match(errors[0]!, error);
    });
  }
});
