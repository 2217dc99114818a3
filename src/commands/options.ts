/** The flags that verbs share, and the reading of values. Nothing here does I/O. */
import { UsageError } from "../errors.ts";
import { didYouMean } from "../fleet/nearest.ts";
import { ACTIONS, type Action } from "../run/outcome.ts";
import type { Flag, Typed } from "./verb.ts";

export const flake: Flag = { value: "ref", describe: "whose nixosConfigurations are the fleet (default: .)" };

export const verbose: Flag = { alias: "v", describe: "whole logs and diffs, and what nix says" };

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
  return readChoice("action", ACTIONS, typed) ?? "switch";
}

/** Seconds: a host that needs more than a day has another problem. */
const LONGEST_TIMEOUT = 24 * 60 * 60;

export function readTimeout(name: string, typed: Typed): number | undefined {
  return readInteger(name, typed, { least: 1, most: LONGEST_TIMEOUT, unit: "seconds" });
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
