import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deployRsSource } from "../../../../src/fleet/sources/deploy-rs.ts";
import { reading } from "./reading.ts";

type Values = Readonly<Record<string, unknown>>;

/** An entry as the source's own expression gives it. */
const host = (settings: Values, profiles: Readonly<Record<string, Values>> = { system: {} }) => ({
  settings: { hostname: "10.0.0.1", ...settings },
  profiles: { list: Object.entries(profiles).map(([name, own]) => ({ name, hasPath: true, settings: own })) },
});
const read = (entries: Values, options = {}) => reading(deployRsSource, entries, options);

/** The one node of a host with these settings. */
function web1(settings: Values, profile: Values = {}, common: Values = {}) {
  const all = read({ web1: host({ user: "root", ...settings }, { system: profile }) }, { common });
  assert.deepEqual(all.errors, []);
  return { node: all.settingsOf().get("web1")!, notes: all.notesOf("web1"), common: all.notesOf(null) };
}

describe("deploy.nodes", () => {
  it("has deploy-rs' own defaults", () => {
    const { node, notes, common: ofAll } = web1({});
    const { addresses, user, port, build, elevation, substituteOnTarget, activation, confirmation, rollback } = node;
    assert.deepEqual(
      { addresses, user, port, build, elevation, substituteOnTarget, activation, confirmation, rollback },
      {
        addresses: ["10.0.0.1"],
        user: undefined,
        port: undefined,
        build: "local",
        elevation: "auto",
        substituteOnTarget: true,
        activation: { timeout: 240, allowFailedUnits: false },
        confirmation: { timeout: 30, retryEvery: 1 },
        rollback: { enable: true },
      },
    );
    assert.deepEqual(node.profile, { name: "system", user: "root", path: null });
    assert.deepEqual([notes, ofAll], [[], []]);
  });

  const settings: readonly [name: string, values: Values, expected: Values, notes?: readonly RegExp[]][] = [
    ["sshUser", { sshUser: "deploy" }, { user: "deploy" }],
    ["sshOpts", { sshOpts: ["-p", "2222", "-J", "b"] }, { port: 2222, sshOptions: { ProxyJump: "b" } }],
    ["sshOpts with a user", { sshOpts: ["-l", "b"] }, { user: "b" }],
    ["sshOpts with another user", { sshUser: "a", sshOpts: ["-l", "b", "-oUser=c"] }, { user: "a" }],
    ["sshOpts with an address", { sshOpts: ["-oHostName=10.9.9.9"] }, { addresses: ["10.9.9.9"] }],
    ["sshOpts that cannot be", { sshOpts: ["-A"] }, {}, [/^sshOpts: not taken: -A/]],
    ["fastConnection", { fastConnection: true }, { substituteOnTarget: false }],
    ["confirmTimeout", { confirmTimeout: 60 }, { confirmation: { timeout: 60, retryEvery: 1 } }],
    ["activationTimeout", { activationTimeout: 600 }, { activation: { timeout: 600, allowFailedUnits: false } }],
    ["remoteBuild", { remoteBuild: true }, { build: "target" }],
    ["sudo", { sudo: "doas -u" }, { elevation: "doas" }],
    ["sudo in full", { sudo: "/run/wrappers/bin/sudo -H -u" }, { elevation: "sudo" }],
    ["sudo for root", { sshUser: "root", sudo: "doas -u" }, { elevation: "auto" }],
    ["sudo with more", { sudo: "sudo -E -u" }, { elevation: "sudo" }, [/^sudo = "sudo -E -u": not taken: -E$/]],
    ["another way", { sudo: "su -" }, { elevation: "auto" }, [/^sudo = "su -": bungee becomes root by/]],
    ["interactiveSudo", { interactiveSudo: true }, { elevation: "sudo" }],
    [
      "magicRollback",
      { magicRollback: false, autoRollback: false },
      { rollback: { enable: false } },
      [/^magicRollback = false: .*permanent$/],
    ],
    [
      "magicRollback alone",
      { magicRollback: false },
      { rollback: { enable: false } },
      [/though autoRollback is true$/],
    ],
    [
      "autoRollback alone",
      { autoRollback: false },
      { rollback: { enable: true } },
      [/^autoRollback = false: .*goes back all the same/],
    ],
    ["null", { sshUser: null, confirmTimeout: null }, { user: undefined }],
  ];
  for (const [name, values, expected, notes = []] of settings) {
    it(`${name}: wherever it stands`, () => {
      for (const { node, notes: told } of [web1(values), web1({}, values), web1({}, {}, values)]) {
        for (const [key, value] of Object.entries(expected))
          assert.deepEqual(node[key as keyof typeof node], value, key);
        assert.equal(told.length, notes.length, told.join(" | "));
        for (const [index, note] of notes.entries()) assert.match(told[index]!, note);
      }
    });
  }

  it("the profile wins over its node, that over the whole; sshOpts are added up", () => {
    const { node } = web1(
      { sshUser: "two", confirmTimeout: 2, sshOpts: ["-p", "2", "-oCompression=yes"] },
      { sshUser: "three", sshOpts: ["-p", "3"] },
      { sshUser: "one", confirmTimeout: 1, activationTimeout: 1, sshOpts: ["-p", "1", "-J", "b"] },
    );
    assert.equal(node.user, "three");
    assert.equal(node.confirmation.timeout, 2);
    assert.equal(node.activation.timeout, 1);
    assert.equal(node.port, 3);
    assert.deepEqual(node.sshOptions, { Compression: "yes", ProxyJump: "b" });
  });

  it("each profile is a node, after the one before it: the order's, then by name", () => {
    const profiles = {
      system: {},
      blog: { user: "www" },
      wiki: {},
      admin: { profilePath: "/home/a/.local/state/nix/profiles/x" },
    };
    const all = read({
      web1: host({ user: "root", profilesOrder: ["wiki", "system", "wiki"] }, profiles),
      db: host({ user: "root" }),
    });
    const nodes = all.settingsOf();
    assert.deepEqual(
      [...nodes].map(([name, { after, profile }]) => [name, after, profile]),
      [
        ["web1.wiki", [], { name: "wiki", user: "root", path: null }],
        ["web1", ["web1.wiki"], { name: "system", user: "root", path: null }],
        ["web1.admin", ["web1"], { name: "admin", user: "root", path: "/home/a/.local/state/nix/profiles/x" }],
        ["web1.blog", ["web1.admin"], { name: "blog", user: "www", path: null }],
        ["db", [], { name: "system", user: "root", path: null }],
      ],
    );
    assert.deepEqual(all.nodes.get("web1")?.also, ["web1.system"]);
    assert.deepEqual(all.nodes.get("web1.blog")?.also, ["web1"]);
    assert.equal(all.nodes.get("web1.blog")?.system, 'outputs.deploy.nodes."web1".profiles."blog".path');
  });

  it("what bungee's own output says wins over it, but for its defaults and the chain", () => {
    const all = read(
      { web1: host({ user: "root", confirmTimeout: 60 }, { a: {}, system: {} }), db: host({ user: "root" }) },
      {
        output: {
          defaults: { confirmation: { timeout: 5 }, activation: { timeout: 5 }, substituteOnTarget: false },
          nodes: { web1: { after: ["db"], addresses: ["10.0.0.9"] } },
        },
        overrides: { activation: { timeout: 7 } },
      },
    );
    const { after, addresses, confirmation, activation } = all.settingsOf().get("web1")!;
    assert.deepEqual([after, addresses], [["web1.a", "db"], ["10.0.0.9"]]);
    assert.deepEqual([confirmation.timeout, activation.timeout], [60, 7]);
    const db = all.settingsOf().get("db")!;
    assert.deepEqual([db.confirmation.timeout, db.substituteOnTarget], [5, false]);
  });

  it("the user of a profile is who logs in, where nobody else is named", () => {
    const all = read({ web1: host({ sshUser: "www" }, { blog: {} }) });
    assert.equal(all.nodes.get("web1.blog")?.profile?.user, "www");
    assert.match(all.notesOf("web1.blog").join(), /deploy-rs needs no root/);
  });

  it("tempPath is told of once", () => {
    const all = read({ a: host({ user: "root", tempPath: "/t" }), b: host({ user: "root", tempPath: "/t" }) });
    assert.equal(all.notes.filter(({ message }) => message.startsWith("tempPath")).length, 1);
  });

  const wrong: readonly [what: string, entries: Values, error: RegExp, common?: Values][] = [
    [
      "an unknown setting",
      { web1: host({ user: "root", sshuser: "x" }) },
      /^deploy\.nodes\.web1\.sshuser: no such setting \(it is "x"\); did you mean sshUser\?$/,
    ],
    [
      "one of the whole",
      { web1: host({ user: "root" }) },
      /^deploy\.autoRolback: no such setting .*did you mean autoRollback\?$/,
      { autoRolback: true },
    ],
    [
      "one of a profile",
      { web1: host({ user: "root" }, { system: { profilepath: "/a/b" } }) },
      /profiles\.system\.profilepath: .*did you mean profilePath\?$/,
    ],
    [
      "a wrong type",
      { web1: host({ user: "root", confirmTimeout: "30" }) },
      /^deploy\.nodes\.web1\.confirmTimeout: "30" is not a whole number of seconds, 1 to 65535$/,
    ],
    ["a wrong list", { web1: host({ user: "root", sshOpts: "-p 22" }) }, /sshOpts: "-p 22" is not a list of texts$/],
    ["no hostname", { web1: host({ user: "root", hostname: null }) }, /^deploy\.nodes\.web1\.hostname: must be set$/],
    [
      "a hostname that is none",
      { web1: host({ user: "root", hostname: "-oProxyCommand=id" }) },
      /web1\.hostname: ".*" is not a host name/,
    ],
    ["no user", { web1: host({}) }, /^deploy\.nodes\.web1\.profiles\.system\.user: must be set, or sshUser/],
    ["a user that is none", { web1: host({ user: "root; id" }) }, /web1\.user: "root; id" is not a user name$/],
    [
      "no path",
      {
        web1: {
          settings: { hostname: "a", user: "root" },
          profiles: { list: [{ name: "system", hasPath: false, settings: {} }] },
        },
      },
      /^deploy\.nodes\.web1\.profiles\.system\.path: must be set$/,
    ],
    [
      "no profiles",
      { web1: { settings: { hostname: "a" }, profiles: { wrong: null } } },
      /^deploy\.nodes\.web1\.profiles: must be set$/,
    ],
    [
      "profiles that are none",
      { web1: { settings: { hostname: "a" }, profiles: { wrong: 5 } } },
      /web1\.profiles: 5 is not an attribute set$/,
    ],
    ["a node that is none", { web1: 5 }, /^deploy\.nodes\.web1: 5 is not an attribute set$/],
    [
      "an order of strangers",
      { web1: host({ user: "root", profilesOrder: ["sytem"] }) },
      /profilesOrder\[0\]: "sytem" is not a profile of this node; did you mean system\?$/,
    ],
    [
      "a profile path out of bounds",
      { web1: host({ user: "root" }, { system: { profilePath: "/nix/var/../../etc" } }) },
      /profilePath: .* is not the absolute path/,
    ],
    [
      "a profile path in the store",
      { web1: host({ user: "root" }, { system: { profilePath: "/nix/store/x" } }) },
      /profilePath: .* is not the absolute path/,
    ],
    [
      "a profile's odd name",
      { web1: host({ user: "root" }, { "a b": {} }) },
      /^deploy\.nodes\.web1\.profiles\."a b": is not the name of a profile/,
    ],
    [
      "two of one name",
      { web1: host({ user: "root" }, { blog: {} }), "web1.blog": host({ user: "root" }) },
      /another profile is called "web1.blog" as well$/,
    ],
  ];
  for (const [what, entries, error, common = {}] of wrong) {
    it(`is wrong with ${what}`, () => {
      const { errors } = read(entries, { common });
      assert.equal(errors.length, 1, errors.join(" | "));
      assert.match(errors[0]!, error);
    });
  }

  it("a host without profiles is told of", () => {
    assert.match(
      read({ web1: host({}, {}) })
        .notesOf(null)
        .join(),
      /^web1 has no profiles/,
    );
  });
});
