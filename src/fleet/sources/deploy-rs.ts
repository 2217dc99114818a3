/** `deploy.nodes` of deploy-rs, as it stands. Each profile becomes a node of its own; those of one host follow each other. */
import { nixString } from "../../nix/command.ts";
import { isSet } from "../fields.ts";
import { didYouMean } from "../nearest.ts";
import { compareNames } from "../order.ts";
import { attributePath, show } from "../sentences.ts";
import {
  type Checked,
  checkDeploy,
  checkNode,
  checkProfile,
  type Generic,
  merged,
  NAME,
  type RawProfile,
  rawProfilesOf,
} from "./deploy-rs-schema.ts";
import { inOurWords } from "./deploy-rs-settings.ts";
import type { Note, Reading, Said, Source, SourceNode } from "./source.ts";

const SYSTEM = "system";

export const deployRsSource: Source = {
  schema: "deploy-rs",
  output: "deploy.nodes",
  entries: "outputs.deploy.nodes or null",
  common: `clean (builtins.removeAttrs outputs.deploy [ "nodes" ])`,
  entry: `(node:
    if !builtins.isAttrs node then clean node
    else {
      settings = clean (builtins.removeAttrs node [ "profiles" ]);
      profiles =
        let profiles = node.profiles or null; in
        if !builtins.isAttrs profiles then { wrong = clean profiles; }
        else { list = map (name: let profile = profiles.\${name}; in {
          inherit name;
          hasPath = builtins.isAttrs profile && profile ? path;
          settings = clean (if builtins.isAttrs profile then builtins.removeAttrs profile [ "path" ] else profile);
        }) (builtins.attrNames profiles); };
    })`,
  read,
};

function read({ common, entries }: Said): Reading {
  const reader = new Reader(common);
  for (const [name, entry] of entries) reader.host(name, entry);
  return { ...reader, defaults: { substituteOnTarget: true }, notAll: null };
}

interface Host {
  readonly name: string;
  readonly place: string;
  readonly hostname: string;
  readonly settings: Generic;
}

class Reader {
  readonly nodes = new Map<string, SourceNode>();
  readonly notes: Note[] = [];
  readonly errors: string[] = [];
  readonly #deploy: Generic | undefined;

  constructor(common: unknown) {
    this.#deploy = this.#checked(checkDeploy("deploy", common));
  }

  host(name: string, entry: unknown): void {
    const place = attributePath("deploy", "nodes", name);
    const node = this.#checked(checkNode(place, isSet(entry) ? entry.settings : entry));
    const profiles = rawProfilesOf(entry);
    if (isSet(entry) && profiles === undefined) this.errors.push(noProfiles(place, entry.profiles));
    if (node === undefined || profiles === undefined) return;
    const { hostname, profilesOrder: order = [], ...settings } = node;
    if (hostname === undefined) this.errors.push(`${place}.hostname: must be set`);
    if (profiles.length === 0) this.#note(null, `${name} has no profiles: there is nothing to deploy on it`);
    this.errors.push(...unknownIn(order, profiles, `${place}.profilesOrder`));
    let before: string | undefined;
    for (const raw of inOrder(profiles, order))
      before = this.#profile(raw, { name, place, hostname: hostname ?? name, settings }, before) ?? before;
  }

  /** @returns the node that it has become */
  #profile(raw: RawProfile, host: Host, before: string | undefined): string | undefined {
    const at = `${host.place}.${attributePath("profiles", raw.name)}`;
    const own = this.#checked(checkProfile(at, raw.settings));
    if (!NAME.test(raw.name))
      this.errors.push(`${at}: is not the name of a profile: letters, digits, and any of . _ -, at most 64`);
    if (own === undefined || this.#deploy === undefined) return undefined;
    if (!raw.hasPath) this.errors.push(`${at}.path: must be set`);
    const all = merged(own, host.settings, this.#deploy);
    const user = all.user ?? all.sshUser;
    if (user === undefined) {
      this.errors.push(`${at}.user: must be set, or sshUser: nobody says whose profile it is`);
      return undefined;
    }
    const name = raw.name === SYSTEM ? host.name : `${host.name}.${raw.name}`;
    if (this.nodes.has(name)) this.errors.push(`${at}: another profile is called ${show(name)} as well`);
    const { settings, said } = inOurWords(all, user, host.hostname);
    for (const message of said) this.#note(name, message);
    if (all.tempPath !== undefined) this.#note(null, TEMP_PATH);
    this.nodes.set(name, {
      hostName: null,
      settings,
      bungee: {},
      place: at,
      chain: before === undefined ? [] : [before],
      profile: { name: raw.name, user, path: all.profilePath ?? null },
      also: [raw.name === SYSTEM ? `${host.name}.${SYSTEM}` : host.name],
      system: `outputs.deploy.nodes.${nixString(host.name)}.profiles.${nixString(raw.name)}.path`,
      keys: [],
      notEnabled: null,
    });
    return name;
  }

  #checked<Value>({ value, errors }: Checked<Value>): Value {
    this.errors.push(...errors);
    return value;
  }

  /** What is about all of them is said once. */
  #note(node: string | null, message: string): void {
    if (node === null && this.notes.some((note) => note.message === message)) return;
    this.notes.push({ node, message });
  }
}

const TEMP_PATH = "tempPath is not needed: bungee puts nothing into a temporary folder of a host";

function noProfiles(place: string, profiles: unknown): string {
  const said = isSet(profiles) ? profiles.wrong : null;
  return `${place}.profiles: ${said === null ? "must be set" : `${show(said)} is not an attribute set`}`;
}

function unknownIn(order: readonly string[], profiles: readonly RawProfile[], at: string): string[] {
  const names = profiles.map(({ name }) => name);
  return order.flatMap((name, index) =>
    names.includes(name)
      ? []
      : [`${at}[${index}]: ${show(name)} is not a profile of this node${didYouMean(name, names)}`],
  );
}

/** Those that the order names, then the others by their names. */
function inOrder(profiles: readonly RawProfile[], order: readonly string[]): RawProfile[] {
  const place = ({ name }: RawProfile) => (order.includes(name) ? order.indexOf(name) : order.length);
  return profiles.toSorted((one, other) => place(one) - place(other) || compareNames(one.name, other.name));
}
