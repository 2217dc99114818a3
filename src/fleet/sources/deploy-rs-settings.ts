/** What deploy-rs' settings of one profile are in bungee's words. Pure. */
import type { Settings } from "../schema.ts";
import { show } from "../sentences.ts";
import { becomingBy } from "./become-root.ts";
import type { Profile } from "./deploy-rs-schema.ts";
import { readSshOptions } from "./ssh-options.ts";

type Mutable<Value> = { -readonly [Key in keyof Value]: Value[Key] };

/** @returns `said`: whole sentences on what is not the same */
export function inOurWords(all: Profile, user: string, hostname: string): { settings: Settings; said: string[] } {
  const said: string[] = [];
  const { settings: bySsh, ignored } = readSshOptions(all.sshOpts ?? []);
  if (ignored.length > 0) said.push(`sshOpts: not taken: ${ignored.join(", ")}`);
  const { address = hostname, ...login } = bySsh;
  // Of what ssh is told twice the first holds, and deploy-rs says who and where before the options.
  const logsInAs = all.sshUser ?? login.user;
  const settings: Mutable<Settings> = { addresses: [address], ...login };
  if (logsInAs !== undefined) settings.user = logsInAs;
  if (logsInAs !== "root") Object.assign(settings, elevationOf(all, said));
  if (logsInAs === user && user !== "root")
    said.push(`deploy-rs needs no root to deploy a profile of ${user} as ${user}; bungee does, for what guards it`);
  if (all.remoteBuild) settings.build = "target";
  if (all.fastConnection !== undefined) settings.substituteOnTarget = !all.fastConnection;
  if (all.activationTimeout !== undefined) settings.activation = { timeout: all.activationTimeout };
  if (all.confirmTimeout !== undefined) settings.confirmation = { timeout: all.confirmTimeout };
  if (all.magicRollback === false) settings.rollback = { enable: false };
  said.push(...aboutRollback(all));
  return { settings, said };
}

function elevationOf({ sudo, interactiveSudo }: Profile, said: string[]): Settings {
  if (sudo === undefined) return interactiveSudo ? { elevation: "sudo" } : {};
  const { elevation, ignored } = becomingBy(sudo.trim().split(/\s+/));
  if (elevation === undefined) {
    said.push(`sudo = ${show(sudo)}: bungee becomes root by sudo, doas or run0, whichever works`);
    return {};
  }
  if (ignored.length > 0) said.push(`sudo = ${show(sudo)}: not taken: ${ignored.join(" ")}`);
  return { elevation };
}

function aboutRollback({ magicRollback = true, autoRollback = true }: Profile): string[] {
  if (magicRollback && autoRollback) return [];
  if (magicRollback)
    return [
      "autoRollback = false: a host whose activation fails goes back all the same, as does one that is not confirmed; rollback.enable = false leaves both",
    ];
  const both = autoRollback ? ", and so does one whose activation fails, though autoRollback is true" : "";
  return [
    `magicRollback = false: the host is looked at all the same; one that is not confirmed keeps what is new, without making it permanent${both}`,
  ];
}
