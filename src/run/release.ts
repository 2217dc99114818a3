/**
 * What is to be deployed, known once it is built: a system, or a profile besides it. deploy-rs wraps both in a folder of links with a
 * program beside them, and a system in it is deployed as every other system is, with all that protects it.
 */
import { access, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ConfigurationError } from "../errors.ts";
import type { Node, Profile } from "../fleet/node.ts";
import type { Job } from "./job.ts";
import { noBoot, planNode, type Survey, type Wanted } from "./plan.ts";

export interface Release {
  /** A store path. */
  readonly path: string;
  /** null: the host's system. */
  readonly profile: Profile | null;
}

/** For an outcome. */
export const named = (profile: Profile | null) => (profile === null ? {} : { profile: profile.name });

/** What deploy-rs has every profile activated by. */
const ACTIVATION = "deploy-rs-activate";
const SYSTEM_PROFILE: Profile = { name: "system", user: "root", path: null };
const SYSTEM_LINK = "/nix/var/nix/profiles/system";

/** The node's profile, where it is not the host's system for certain: what stands at the system's own link is most often one. */
export function profileOf({ profile }: Node): Profile | null {
  if (profile === null) return null;
  const { name, user, path } = profile;
  return user === "root" && (path === SYSTEM_LINK || (path === null && name === "system")) ? null : profile;
}

/** The system that is wrapped in a store path of this machine; undefined where there is none, or nothing is built yet. */
export async function systemIn(built: string): Promise<string | undefined> {
  try {
    await access(join(built, ACTIVATION));
    // A file of the system's own, where its programs may be links to elsewhere.
    const system = dirname(await realpath(join(built, "nixos-version")));
    await access(join(system, "bin", "switch-to-configuration"));
    return dirname(system) === "/nix/store" ? system : undefined;
  } catch {
    return undefined;
  }
}

/** @throws ConfigurationError where the action and what was built do not go together: nothing was touched */
export async function releaseOf(job: Job, built: string): Promise<Release> {
  const { node, request } = job;
  const { system, activatable } = node.build === "target" ? await askHost(job, built) : await look(built);
  if (system !== undefined) return asSystem(job, system);
  if (profileOf(node) === null && !activatable) return { path: built, profile: null };
  const profile = node.profile ?? SYSTEM_PROFILE;
  if (request.action === "boot" || request.reboot === "always") throw noBoot(profile.name);
  return { path: built, profile };
}

async function look(built: string) {
  const activatable = await access(join(built, ACTIVATION)).then(
    () => true,
    () => false,
  );
  return { system: await systemIn(built), activatable };
}

async function askHost({ session }: Job, built: string) {
  const { activator } = await session.line();
  const { release, profile } = await activator.unwrap(built);
  return { system: release === built ? undefined : release, activatable: profile };
}

/** A profile of another name may hold a system that is only to be tried: made permanent, it would take the place of the host's own. */
function asSystem({ node, request: { action } }: Job, path: string): Release {
  const profile = profileOf(node);
  if (profile !== null && (action === "switch" || action === "boot")) {
    throw new ConfigurationError(
      `profile ${profile.name} is a NixOS system, and ${SYSTEM_LINK} is the only profile that a host can boot`,
      { mend: 'deploy it with --action test, or as the profile "system" of root' },
    );
  }
  return { path, profile: null };
}

/** Whether the host has what was built, where the plan could not know: it was only found out now what that is. */
export function isThere(release: Release, node: Node, wanted: Wanted, survey: Survey): boolean {
  // Of a profile the host was asked itself, and the plan has the answer.
  if (!survey.ok || survey.facts === null || profileOf(node) !== null) return false;
  if (release.profile !== null) return wanted.action === "switch" && survey.facts.now.profile === release.path;
  return survey.release !== release.path && planNode(wanted, { ...survey, release: release.path }).kind === "unchanged";
}
