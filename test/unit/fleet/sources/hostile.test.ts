/** Whatever other tools' settings hold: errors of ours, or settings that bungee itself would take, and nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigurationError } from "../../../../src/errors.ts";
import { checkSettings } from "../../../../src/fleet/schema.ts";
import { colmenaSource } from "../../../../src/fleet/sources/colmena.ts";
import { deployRsSource } from "../../../../src/fleet/sources/deploy-rs.ts";
import { migrated } from "../../../../src/fleet/sources/migrate.ts";
import type { Source } from "../../../../src/fleet/sources/source.ts";
import { Random } from "../../../chaos/random.ts";
import { hostileText, hostileValue, listOf, mutated, toJson } from "../../../fuzz/hostile.ts";
import { reading } from "./reading.ts";

const SEEDS = 1500;
const SSH = [
  "-p",
  "-o",
  "-i",
  "-J",
  "-l",
  "-A",
  "22",
  "ProxyJump=b",
  "User=x",
  "-oHostName=a",
  "~/.ssh/key",
  "-Cv",
  "Port=",
];

/** Now and then something else, so that much of it can be read. */
const mostly = <T>(random: Random, good: readonly T[], odd: () => T) => (random.chance(96) ? random.pick(good) : odd());

const GOOD: Readonly<Record<string, (random: Random) => unknown>> = {
  hostname: (random) => mostly(random, ["web1", "10.0.0.1"], () => mutated(random, "web1.example")),
  user: (random) => mostly(random, ["root", "alice"], () => mutated(random, "alice")),
  sshUser: (random) => mostly(random, ["root", "deploy"], () => mutated(random, "deploy")),
  sshOpts: (random) => listOf(random, 0, 5, () => (random.chance(70) ? random.pick(SSH) : hostileText(random))),
  sudo: (random) => random.pick(["sudo -u", "doas -u", `x${hostileText(random)}`]),
  profilePath: (random) =>
    mostly(random, ["/nix/var/nix/profiles/x"], () => mutated(random, "/nix/var/nix/profiles/x")),
  profilesOrder: (random) => (random.chance(90) ? [] : ["system", hostileText(random)]),
  confirmTimeout: (random) => mostly(random, [30, 1], () => random.pick([0, -1, 65536, 1.5])),
  magicRollback: (random) => random.chance(50),
  targetHost: (random) => mostly(random, [null, "web1"], () => mutated(random, "web1")),
  targetPort: (random) => mostly(random, [null, 22, 0], () => 70_000),
  targetUser: (random) => mostly(random, [null, "root"], () => mutated(random, "deploy")),
  tags: (random) => listOf(random, 0, 4, () => random.pick(["web", "__proto__", hostileText(random)])),
  sshOptions: (random) => listOf(random, 0, 5, () => (random.chance(70) ? random.pick(SSH) : hostileText(random))),
  privilegeEscalationCommand: (random) =>
    listOf(random, 0, 3, () => random.pick(["sudo", "doas", hostileText(random)])),
};

function some(random: Random, names: readonly string[]): unknown {
  if (random.chance(2)) return hostileValue(random);
  const said = names.flatMap((name) => {
    if (random.chance(40)) return [];
    return [[name, random.chance(99) ? GOOD[name]!(random) : hostileValue(random)] as const];
  });
  return { ...Object.fromEntries(said), ...(random.chance(3) ? { [hostileText(random)]: hostileValue(random) } : {}) };
}

const namesOfProfiles = (random: Random) =>
  mostly(random, [["system"], ["blog", "system"]], () => [...new Set(["system", hostileText(random)])]);
const GENERIC = ["user", "sshUser", "sshOpts", "sudo", "confirmTimeout", "magicRollback"];
const ENTRIES: readonly [Source, readonly string[], (random: Random) => unknown][] = [
  [
    deployRsSource,
    GENERIC,
    (random) => ({
      settings: {
        hostname: "web1",
        user: "root",
        ...(some(random, ["hostname", "profilesOrder", ...GENERIC]) as object),
      },
      profiles: random.chance(95)
        ? {
            list: namesOfProfiles(random).map((name) => ({
              name,
              hasPath: random.chance(98),
              settings: some(random, ["profilePath", ...GENERIC]),
            })),
          }
        : { wrong: hostileValue(random) },
    }),
  ],
  [
    colmenaSource,
    [],
    (random) => ({
      hostName: random.pick([null, "web1", hostileValue(random)]),
      bungee: random.chance(90) ? {} : hostileValue(random),
      keys: random.chance(80) ? [] : [hostileText(random)],
      deployment: some(random, [
        "targetHost",
        "targetPort",
        "targetUser",
        "tags",
        "sshOptions",
        "privilegeEscalationCommand",
      ]),
    }),
  ],
];

/** What the activator takes for the words about a profile. */
const PROFILE = { name: /^\w[\w.-]{0,63}$/, user: /^[A-Za-z_][\w.-]{0,63}$/, path: /^(?:\/[\w+.=@-]+){2,}$/ };

for (const [source, commonNames, entry] of ENTRIES) {
  test(`${source.output}: ${SEEDS} that nobody would write`, () => {
    let read = 0;
    for (let seed = 0; seed < SEEDS; seed++) {
      const random = new Random(`${source.schema} ${seed}`);
      const said = {
        common: some(random, commonNames),
        entries: { [random.chance(60) ? "web1" : hostileText(random)]: entry(random) },
      };
      // As it comes from nix.
      const { common, entries } = JSON.parse(toJson(said));
      const all = reading(source, entries, { common });
      for (const [name, node] of all.nodes) {
        const at = `seed ${seed}: ${JSON.stringify(node.settings)}`;
        assert.deepEqual(checkSettings("", node.settings).errors, [], at);
        if (node.profile && all.errors.length === 0) {
          assert.match(node.profile.name, PROFILE.name, at);
          assert.match(node.profile.user, PROFILE.user, at);
          if (node.profile.path !== null) assert.match(node.profile.path, PROFILE.path, at);
        }
        const lines = migrated({ from: source.output, reading: all, configurations: [], nodes: [name] });
        assert.ok(
          lines.every((line) => !/[\r\n]/.test(line)),
          at,
        );
      }
      try {
        read += all.settingsOf().size;
      } catch (error) {
        assert.ok(error instanceof ConfigurationError, `seed ${seed}: ${error instanceof Error ? error.stack : error}`);
        assert.ok(error.message.length < 20_000, `seed ${seed}`);
      }
    }
    assert.ok(read > SEEDS / 10, `only ${read} nodes could be read: the settings are too odd to show anything`);
  });
}
