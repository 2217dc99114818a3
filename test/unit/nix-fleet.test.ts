/** lib.checks judges nodes of deploy-rs and colmena as a deployment does: flakes that both are shown. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigurationError } from "../../src/errors.ts";
import type { Configurations } from "../../src/fleet/evaluate.ts";
import { namesExpression, settingsExpression } from "../../src/fleet/expressions.ts";
import { readSettings } from "../../src/fleet/settings.ts";
import { bungeeSource } from "../../src/fleet/sources/bungee.ts";
import { chooseSource } from "../../src/fleet/sources/choose.ts";
import { COLMENA, colmenaSource } from "../../src/fleet/sources/colmena.ts";
import { deployRsSource } from "../../src/fleet/sources/deploy-rs.ts";
import { DEPLOY_RS } from "../../src/fleet/sources/deploy-rs-schema.ts";
import type { Schema, Source } from "../../src/fleet/sources/source.ts";
import { nixString } from "../../src/nix/command.ts";
import { check, evaluateNix, NIX } from "./nix-eval.ts";

const SOURCES: readonly Source[] = [bungeeSource, deployRsSource, colmenaSource];

type Case = readonly [what: string, outputs: string, schema?: Schema];

const profile = (more = "") => `{ path = "/nix/store/x"; ${more} }`;
const web1 = (more = "", profiles = `system = ${profile()}; blog = ${profile()};`) =>
  `web1 = { hostname = "10.0.0.1"; ${more} profiles = { ${profiles} }; };`;
const deploy = (nodes = web1(), common = 'sshUser = "deploy"; user = "root";') =>
  `deploy = { ${common} nodes = { ${nodes} }; };`;
const plain = "nixosConfigurations.web1.config = { };";
const slow = 'healthChecks.a.unit = { name = "a.service"; for = 20; };';
const hive = (deployment = "", config = "", name = "alpha", meta = "") =>
  `colmenaHive = { metaConfig = { allowApplyAll = true; machinesFile = null; } // { ${meta} }; nodes = {
    beta.config.deployment.targetHost = "beta";
    ${nixString(name)}.config = { ${config} deployment = {
      targetHost = "10.0.0.1"; targetPort = null; targetUser = "root"; tags = [ "a" ]; sshOptions = [ ]; keys.k = throw "read"; futureOption = 1;
    } // { ${deployment} }; };
  }; };`;

const RIGHT: readonly Case[] = [
  ["a profile's node", `${deploy()} bungee.nodes."web1.blog".healthChecks.a.tcp = 80;`],
  ["profiles that wait", `${deploy()} bungee.nodes.web1.after = [ "web1.blog" ];`],
  [
    "a chain by the order",
    `${deploy(web1('profilesOrder = [ "blog" "blog" ];'))} bungee.nodes.web1.after = [ "web1.blog" ];`,
  ],
  ["deploy-rs beside configurations of the same hosts", `${plain} ${deploy()}`],
  [
    "the same with what bungee is told, asked for",
    `${plain} ${deploy()} bungee.nodes."web1.blog".user = "a";`,
    "deploy-rs",
  ],
  ["configurations with what bungee is told", `${plain} ${deploy()} bungee.nodes.web1.user = "a";`],
  ["what is said about branches alone", `${plain} ${deploy(web1("confirmTimeout = 60;"))} bungee.ci.main = "trunk";`],
  ["a configuration that is broken, beside", `nixosConfigurations.web2.config = throw "broken"; ${deploy()}`],
  ["time enough by deploy-rs' own setting", `${deploy(web1("confirmTimeout = 21;"))} bungee.nodes.web1 = { ${slow} };`],
  [
    "a profile's time over its node's",
    `${deploy(web1("confirmTimeout = 2;", `system = ${profile("confirmTimeout = 21;")};`))} bungee.nodes.web1 = { ${slow} };`,
  ],
  [
    "bungee's time over deploy-rs'",
    `${deploy(web1("confirmTimeout = 2;"))} bungee.nodes.web1 = { confirmation.timeout = 21; ${slow} };`,
  ],
  ["a user of the profile's alone", deploy(web1("", `system = ${profile('user = "root";')};`), "")],
  ["a user who logs in, and none besides", deploy(web1(), 'sshUser = "root";')],
  [
    "every setting of deploy-rs",
    deploy(
      web1(
        'sshOpts = [ "-A" ]; fastConnection = true; remoteBuild = null; sudo = "doas -u"; tempPath = "/x"; interactiveSudo = false;',
      ),
    ),
  ],
  ["a host without profiles", deploy(web1("", ""))],
  ["a hive, with the output", `${hive()} bungee.nodes.alpha.user = "a";`],
  ["a hive whose node says more itself", hive("", 'bungee = { after = [ "beta" ]; healthChecks.a.tcp = 80; };')],
  ["a hive's node that is called what is no address", hive("", "", "al pha")],
  ["a hive beside configurations", `${plain} ${hive()}`],
  ["all three, and one of them asked for", `${plain} ${deploy()} ${hive()} bungee.nodes.beta.user = "a";`, "colmena"],
];

const WRONG: readonly Case[] = [
  ["a profile's node that is none of nixosConfigurations", `${plain} ${deploy()} bungee.nodes."web1.blog".user = "a";`],
  ["a node that is none", `${deploy()} bungee.nodes.web9.user = "a";`],
  ["after a node that is none", `${deploy()} bungee.nodes.web1.after = [ "web1.wiki" ];`],
  [
    "a circle with the order",
    `${deploy(web1('profilesOrder = [ "blog" "system" ];'))} bungee.nodes."web1.blog".after = [ "web1" ];`,
  ],
  [
    "a circle with those that the order leaves out",
    `${deploy(web1('profilesOrder = [ "blog" ];'))} bungee.nodes."web1.blog".after = [ "web1" ];`,
  ],
  [
    "too little time by deploy-rs' own setting",
    `${deploy(web1("confirmTimeout = 20;"))} bungee.nodes."web1.blog" = { ${slow} };`,
  ],
  [
    "too little time by a profile's",
    `${deploy(web1("confirmTimeout = 60;", `system = ${profile("confirmTimeout = 20;")};`))} bungee.nodes.web1 = { ${slow} };`,
  ],
  [
    "too little time by the whole's",
    `${deploy(web1(), 'user = "root"; confirmTimeout = 20;')} bungee.nodes.web1 = { ${slow} };`,
  ],
  [
    "deploy-rs' time over bungee's default",
    `${deploy(web1("confirmTimeout = 20;"))} bungee.defaults.confirmation.timeout = 60; bungee.nodes.web1 = { ${slow} };`,
  ],
  ["values of the wrong kind", deploy(web1('confirmTimeout = "3";'), 'user = "root"; sshOpts = "-A";')],
  ["one of a profile", deploy(web1("", `system = ${profile("activationTimeout = 0;")};`))],
  ["settings that there are not", deploy(web1("hostName = 1;"), 'user = "root"; timeout = 3;')],
  ["one of a profile that there is not", deploy(web1("", `system = ${profile("magicRolback = true;")};`))],
  ["one beside what is said about branches", `${plain} ${deploy(web1("timeout = 3;"))} bungee.ci.main = "trunk";`],
  ["no host name", deploy(`web1.profiles.system = ${profile()};`)],
  ["no profiles", deploy('web1.hostname = "a";')],
  ["profiles that are no set", deploy('web1 = { hostname = "a"; profiles = [ ]; };')],
  ["a node that is no set", deploy('web1 = "10.0.0.1";')],
  ["a profile that is no set", deploy(web1("", "system = 5;"))],
  ["no path", deploy(web1("", "system = { };"))],
  ["nobody's profile", deploy(web1(), "")],
  ["a profile's name that is none", deploy(web1("", `"a b" = ${profile()};`))],
  ["an order with what is not there", deploy(web1('profilesOrder = [ "system" "wiki" ];'))],
  ["one name for two", deploy(`${web1()} "web1.blog" = { hostname = "b"; profiles.system = ${profile()}; };`)],
  ["a node by another's name", `${deploy()} bungee.nodes.web1.node = "web2";`],
  ["a hive's port", hive("targetPort = 70000;")],
  ["a hive's tags", hive("tags = [ 1 ];")],
  ["what a hive's node says itself", hive("", "bungee.prot = 22;")],
  ["what a hive says of all", hive("", "", "alpha", 'allowApplyAll = "no";')],
  ["a hive's node without an address", hive("targetHost = null;", "", "al pha")],
  ["a node that the hive does not have", `${hive()} bungee.nodes.web1.user = "a";`],
];

describe("nodes of other tools", () => {
  const cases = [...RIGHT, ...WRONG];
  const sources = evaluated(cases);
  for (const [index, [what, outputs, schema = "auto"]] of cases.entries()) {
    it(`${what}: ${index < RIGHT.length ? "taken" : "refused"} by both`, async () => {
      const deploys = await deployment(sources[index]!, schema);
      assert.equal(deploys.length === 0, index < RIGHT.length, `the sample itself: ${deploys}`);
      const checks = check(`{ ${outputs} }`, schema);
      assert.deepEqual(
        checks.map(placeOf).sort(),
        deploys.length === 0 ? ["bungee-settings"] : deploys.map(placeOf).sort(),
      );
    });
  }

  it("that were asked for and are not there", () => {
    assert.deepEqual(check(`{ ${plain} }`, "deploy-rs"), ["the flake has no deploy.nodes"]);
    assert.deepEqual(check(`{ ${plain} ${deploy()} }`, "colmena"), ["the flake has no colmenaHive"]);
  });

  it("that fail an assertion of NixOS, where they are configurations", () => {
    const fails = 'assertions = [ { assertion = false; message = "no root file system"; } ];';
    assert.deepEqual(check(`{ ${hive("", fails)} }`), ["colmenaHive.alpha: no root file system"]);
  });

  it("no text is refused that a deployment takes, whatever the character", () => {
    const characters = [..."aZ09._-/@:%[]$ +=,\\\"'\n\tüßé日🙂~^`{}|()*?!#&<>;\u0001"];
    const texts = characters.flatMap((one) => [
      one,
      `a${one}`,
      `${one}a`,
      `/a/b${one}`,
      `/a/b${one}/.c`,
      `/nix/store/${one}`,
    ]);
    const fields = [
      ["deploy-rs", "deploy", DEPLOY_RS.deploy, ["sshUser", "user", "tempPath", "sudo"]],
      ["deploy-rs", "node", DEPLOY_RS.node, ["hostname", "user"]],
      ["deploy-rs", "profile", DEPLOY_RS.profile, ["profilePath", "sudo"]],
      ["colmena", "deployment", COLMENA.deployment, ["targetHost", "targetUser"]],
    ] as const;
    for (const [source, part, schema, names] of fields) {
      const values = names.flatMap((name) => texts.map((text) => ({ [name]: text })));
      const refused = evaluateNix(`
        let schema = (builtins.fromJSON (builtins.readFile ${NIX}/sources.json)).${source}.${part};
        in map (value: import ${NIX}/validate.nix { inherit schema value; at = "x"; } != [ ]) (builtins.fromJSON ${nixString(JSON.stringify(values))})`) as boolean[];
      const wrong = values.filter((value, index) => schema.safeParse(value).success && refused[index]);
      assert.deepEqual(wrong, [], part);
      assert.ok(
        refused.filter((each) => each).length > values.length / 5,
        `${part}: and some of what it does not take`,
      );
    }
  });
});

/** Of a sentence: without the places in lists, which Nix does not count. */
function placeOf(error: string): string {
  return error.replace(/(\[\d+\])?: .*$/, "").replace(/^these nodes wait for each other$/, "a circle");
}

/** What a deployment would say, of what it evaluated. */
async function deployment(readBy: (source: Source) => Configurations, schema: Schema | "auto"): Promise<string[]> {
  const { source, configurations } = await chooseSource("a flake", schema, async (each) => readBy(each));
  const reading = source.read(configurations);
  try {
    readSettings({ from: source.output, names: [...reading.nodes.keys()], output: configurations.output, ...reading });
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigurationError);
    const [first = "", ...others] = error.message.split("\n  ");
    return others.length > 0 ? others : [first];
  }
}

/** What each source reads of each flake, by its own expressions, in two evaluations for them all. */
function evaluated(flakes: readonly Case[]): readonly ((source: Source) => Configurations)[] {
  const list = <Value>(parts: readonly string[]) =>
    evaluateNix(`[ ${parts.map((part) => `(${part})`).join("\n")} ]`) as Value[];
  const snapshots = flakes.map(([, outputs]) => ({ expression: `{ outputs = { ${outputs} }; }` }));
  const asked = snapshots.flatMap((snapshot) => SOURCES.map((source) => ({ snapshot, source })));
  const outputs = list<Omit<Configurations, "entries" | "broken">>(
    asked.map(({ snapshot, source }) => namesExpression(snapshot, source)),
  );
  const entries = list<unknown[]>(
    asked.map(({ snapshot, source }, index) => settingsExpression(snapshot, source, outputs[index]!.names ?? [])),
  );
  const all = outputs.map((said, index): Configurations => {
    const named = (said.names ?? []).map((name, at) => [name, entries[index]![at]] as const);
    return { ...said, entries: new Map(named.filter(([, entry]) => entry !== null)), broken: new Map() };
  });
  return flakes.map((_, index) => (source) => all[index * SOURCES.length + SOURCES.indexOf(source)]!);
}
