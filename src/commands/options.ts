/** The flags that verbs share, and the reading of values. Nothing here does I/O. */
import { UsageError } from "../errors.ts";
import { LONGEST_TIMEOUT } from "../fleet/fields.ts";
import { didYouMean } from "../fleet/nearest.ts";
import type { Settings } from "../fleet/schema.ts";
import { SCHEMAS, type Schema } from "../fleet/sources/source.ts";
import { REPORTS, type ReportKind } from "../report/reporter.ts";
import { ACTIONS, type Action, REBOOTS, type Reboot } from "../run/outcome.ts";
import type { Flag, Streams, Typed } from "./verb.ts";

export const flake: Flag = { value: "ref", describe: "whose nixosConfigurations are the fleet (default: .)" };

const SCHEMA_CHOICES = ["auto", ...SCHEMAS] as const satisfies readonly ("auto" | Schema)[];

export const schema: Flag = {
  value: "whose",
  choices: SCHEMA_CHOICES,
  describe: "settings of: auto (default) bungee deploy-rs colmena",
};

export function readSchema(typed: Typed): Schema | "auto" {
  return readChoice("schema", SCHEMA_CHOICES, typed) ?? "auto";
}

/** As colmena has it. */
export const noKeys: Flag = { describe: "deploy colmena's hosts without their deployment.keys", rare: true };

export const verbose: Flag = { alias: "v", describe: "whole logs and diffs, and what nix says" };

const SSH = ["auto", "ssh2", "openssh"] as const satisfies readonly Settings["ssh"][];

export const ssh: Flag = { value: "kind", choices: SSH, describe: "what speaks SSH: auto (default) ssh2 openssh" };

export const json: Flag = { describe: "print versioned JSON" };

export const action: Flag = {
  value: "action",
  choices: ACTIONS,
  describe: "switch (default) test boot stage dry-activate build",
};

export function readFlake(typed: Typed): string {
  const value = typed.flags.get("flake") ?? ".";
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new UsageError("--flake is empty", { mend: "give the flake, or leave it out for the one here" });
}

export function readAction(typed: Typed): Action {
  return readActionIfSaid(typed) ?? "switch";
}

export function readActionIfSaid(typed: Typed): Action | undefined {
  return readChoice("action", ACTIONS, typed);
}

export const reboot: Flag = {
  value: "when",
  choices: REBOOTS,
  describe: "always (alone too), or auto: when the kernel changes",
};

/** `--reboot` without a word after it is meant. */
export function readReboot(typed: Typed): Reboot {
  if (typed.flags.get("reboot") === "") return "always";
  return readChoice("reboot", REBOOTS, typed) ?? "never";
}

/** As a layer of the settings: empty where nothing is said. */
export function readSsh(typed: Typed): Settings {
  const ssh = readChoice("ssh", SSH, typed);
  return ssh === undefined ? {} : { ssh };
}

export function readTimeout(name: string, typed: Typed): number | undefined {
  return readInteger(name, typed, { least: 1, most: LONGEST_TIMEOUT, unit: "seconds" });
}

export const lockWait: Flag = { value: "s", describe: "seconds to wait for a host that another run holds" };

export function readLockWait(typed: Typed): number {
  return readInteger("lock-wait", typed, { least: 0, most: LONGEST_TIMEOUT, unit: "seconds" }) ?? 0;
}

export const report: Flag = {
  value: "kind",
  choices: REPORTS,
  describe: "tree (on a terminal) lines (off it) json github",
};

export function readReport(typed: Typed, { stdout }: Pick<Streams, "stdout">): ReportKind | undefined {
  const kind = readChoice("report", REPORTS, typed);
  refuse(
    kind === "tree" && !stdout.isTTY,
    "--report tree needs a terminal, and the output is none",
    "use --report lines, or json for programs",
  );
  return kind;
}

export const parallel: Flag = { value: "n", describe: "hosts worked on at once (default: 10)" };

export function readParallel(typed: Typed): number {
  return readInteger("parallel", typed, { least: 1, most: 1000, unit: "hosts" }) ?? 10;
}

/** A key and known hosts for a job that has no ~/.ssh. */
export const sshKeyFile: Flag = { value: "file", describe: "the private key; or its text: BUNGEE_SSH_KEY" };
export const knownHosts: Flag = { value: "file", describe: "the hosts' keys; or their text: BUNGEE_KNOWN_HOSTS" };

export function readText(name: string, typed: Typed): string | undefined {
  const text = typed.flags.get(name);
  refuse(text === "", `--${name} is empty`, "give its value, or leave it out");
  return typeof text === "string" ? text : undefined;
}

export function readInteger(
  name: string,
  typed: Typed,
  { least, most, unit }: { readonly least: number; readonly most: number; readonly unit: string },
): number | undefined {
  const text = typed.flags.get(name);
  if (text === undefined) return undefined;
  // As text: Number() takes "0x10", "1e3" and "" too, which nobody means.
  const number = /^[+-]?\d+$/.test(String(text)) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`--${name} is ${text || "empty"}`, {
    mend: `give a whole number of ${unit}, ${least} to ${most}`,
  });
}

export function readChoice<Choice extends string>(
  name: string,
  choices: readonly Choice[],
  typed: Typed,
): Choice | undefined {
  const text = typed.flags.get(name);
  if (text === undefined) return undefined;
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new UsageError(`--${name} is ${text || "empty"}${didYouMean(String(text), choices)}`, {
    mend: `give one of: ${choices.join(", ")}`,
  });
}

/** A flag that would be ignored is a misunderstanding: better said than passed over. */
export function refuse(when: boolean, message: string, mend: string): void {
  if (when) throw new UsageError(message, { mend });
}

/** `--flake .#web1` names a node, as nixos-rebuild has it; so do selectors. */
export function refuseTwoNames(reference: string, selectors: readonly string[], all = false): void {
  const said = all ? "--all" : selectors.join(" ");
  refuse(
    reference.includes("#") && said !== "",
    `--flake ${reference} names a host, and ${said} says which ones`,
    "give one of both",
  );
}
