/** `colmenaHive` of colmena, as it stands: an evaluated hive, whose nodes are NixOS configurations with `deployment` options. */
import { z } from "zod";
import { nixString } from "../../nix/command.ts";
import { address, flag, isSet, text, whole } from "../fields.ts";
import type { Settings } from "../schema.ts";
import { checkSettings } from "../schema.ts";
import { attributePath, sentences, show, withoutNulls } from "../sentences.ts";
import { becomingBy } from "./become-root.ts";
import { configured } from "./bungee.ts";
import type { Note, Said, Source, SourceNode } from "./source.ts";
import { readSshOptions } from "./ssh-options.ts";

export const colmenaSource: Source = {
  schema: "colmena",
  output: "colmenaHive",
  entries: "outputs.colmenaHive.nodes or null",
  common: "clean (outputs.colmenaHive.metaConfig or { })",
  // Of the keys their names alone: the rest may be the secrets themselves.
  entry: `(node: let inherit (node) config; deployment = config.deployment or { }; in {
    hostName = config.networking.hostName or null;
    bungee = clean (config.bungee or { });
    keys = builtins.attrNames (deployment.keys or { });
    deployment = clean (builtins.removeAttrs deployment [ "keys" ]);
  })`,
  read,
};

const words = z.array(z.string({ error: "a text" }), { error: "a list of texts" });

/** Loose: NixOS itself has refused what colmena does not know, and a newer colmena may know more. */
const deploymentSchema = z
  .looseObject(
    {
      targetHost: address,
      targetPort: whole("a port", 0, 65535),
      targetUser: text("a user name", /^[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?$/),
      tags: words,
      buildOnTarget: flag,
      privilegeEscalationCommand: words,
      allowLocalDeployment: flag,
      replaceUnknownProfiles: flag,
      sshOptions: words,
    },
    { error: "an attribute set" },
  )
  .partial();
type Deployment = z.output<typeof deploymentSchema>;

const metaSchema = z
  .looseObject({ allowApplyAll: flag, machinesFile: z.string({ error: "a path" }) }, { error: "an attribute set" })
  .partial();

/** For scripts/schema.ts. */
export const COLMENA = { deployment: deploymentSchema, meta: metaSchema };

/** colmena's own default, for which bungee has more ways. */
const BY_DEFAULT = "sudo -H --";
const LOCAL_ONLY = "deployment.targetHost = null: colmena deploys it on itself only";

function read({ common, entries }: Said) {
  const nodes = new Map<string, SourceNode>();
  const notes: Note[] = [];
  const errors: string[] = [];
  const metaValue = withoutNulls(common);
  const meta = metaSchema.safeParse(metaValue);
  if (!meta.success) errors.push(...sentences(metaSchema, "colmenaHive.metaConfig", metaValue, meta.error));
  if (meta.data?.machinesFile !== undefined)
    notes.push({
      node: null,
      message: `meta.machinesFile = ${show(meta.data.machinesFile)}: bungee builds as nix.conf says (builders = @${meta.data.machinesFile})`,
    });
  for (const [name, entry] of entries) {
    const said = isSet(entry) ? entry : {};
    const at = attributePath("colmenaHive", "nodes", name, "config", "deployment");
    const value = withoutNulls(said.deployment);
    const parsed = deploymentSchema.safeParse(value);
    if (!parsed.success) {
      errors.push(...sentences(deploymentSchema, at, value, parsed.error));
      continue;
    }
    const raw = isSet(said.deployment) ? said.deployment : {};
    const isLocal = "targetHost" in raw && raw.targetHost === null;
    const { settings, about } = translate(
      parsed.data,
      isLocal,
      "targetUser" in raw ? (parsed.data.targetUser ?? null) : "root",
    );
    notes.push(...about.map((message) => ({ node: name, message })));
    nodes.set(name, {
      ...configured(said),
      settings,
      place: attributePath("colmenaHive", "nodes", name, "config", "bungee"),
      chain: [],
      profile: null,
      also: [],
      system: `outputs.colmenaHive.nodes.${nixString(name)}.config.system.build.toplevel`,
      keys: Array.isArray(said.keys) ? said.keys.map(String) : [],
      notEnabled: isLocal ? LOCAL_ONLY : null,
    });
  }
  const notAll = meta.data?.allowApplyAll === false ? "meta.allowApplyAll is false" : null;
  return { nodes, defaults: { substituteOnTarget: true }, notes, errors, notAll };
}

const KNOWN = Object.keys(deploymentSchema.shape);

/** @param user null: as ssh_config says */
function translate(
  deployment: Deployment,
  isLocal: boolean,
  user: string | null,
): { settings: Settings; about: string[] } {
  const { targetHost, targetPort, tags = [], sshOptions = [], privilegeEscalationCommand } = deployment;
  const about: string[] = [];
  const { settings: bySsh, ignored } = readSshOptions(sshOptions);
  if (ignored.length > 0) about.push(`deployment.sshOptions: not taken: ${ignored.join(", ")}`);
  // Of what ssh is told twice the first holds: colmena says who and where before the options, and its port after them.
  const { address = targetHost, user: asUser, port, ...login } = bySsh;
  const logsInAs = user ?? asUser;
  const elevation = logsInAs === "root" ? undefined : elevationOf(privilegeEscalationCommand, about);
  const { labels, odd } = labelsOf(tags);
  if (odd.length > 0)
    about.push(`deployment.tags: ${odd.map(show).join(", ")} cannot be a label: letters, digits, and any of . _ / -`);
  if (deployment.replaceUnknownProfiles === false)
    about.push(
      "deployment.replaceUnknownProfiles = false: bungee deploys whatever the host runs now, and shows what changes in its plan",
    );
  if (deployment.allowLocalDeployment && !isLocal)
    about.push("deployment.allowLocalDeployment: bungee deploys by ssh only, the machine that it runs on too");
  for (const [name, value] of Object.entries(deployment))
    if (!KNOWN.includes(name))
      about.push(`deployment.${attributePath(name)} = ${show(value)}: bungee does not know it`);
  const toPort = port ?? (targetPort === 0 ? undefined : targetPort);
  const settings = {
    ...(address === undefined ? {} : { addresses: [address] }),
    ...(logsInAs === undefined ? {} : { user: logsInAs }),
    ...(toPort === undefined ? {} : { port: toPort }),
    ...login,
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(elevation === undefined ? {} : { elevation }),
    ...(deployment.buildOnTarget ? { build: "target" as const } : {}),
    ...(isLocal ? { enable: false } : {}),
  };
  return { settings, about };
}

function elevationOf(command: readonly string[] | undefined, about: string[]): Settings["elevation"] {
  if (command === undefined || command.join(" ") === BY_DEFAULT) return undefined;
  const { elevation, ignored } = becomingBy(command);
  if (elevation === undefined)
    about.push(
      `deployment.privilegeEscalationCommand = ${show(command)}: bungee becomes root by sudo, doas or run0, whichever works`,
    );
  else if (ignored.length > 0)
    about.push(`deployment.privilegeEscalationCommand = ${show(command)}: not taken: ${ignored.join(" ")}`);
  return elevation;
}

/** A tag is a label that is there: `@web` and `web=true` choose it. */
function labelsOf(tags: readonly string[]) {
  const isLabel = (tag: string) => checkSettings("", { labels: { [tag]: true } }).errors.length === 0;
  return {
    labels: Object.fromEntries(tags.filter(isLabel).map((tag) => [tag, "true"])),
    odd: tags.filter((tag) => !isLabel(tag)),
  };
}
