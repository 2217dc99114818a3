/** What `--help` says: what a person needs to type the command, on one screen. */
import { pad } from "../report/text.ts";
import type { Flag, Verb } from "./verb.ts";

const EXIT = [
  "Exit: 0 all as wanted · 1 not all, every host in a known good state · 2 usage or",
  "configuration, nothing started · 3 a person must look · 130 interrupted",
];

export function helpOfAll(verbs: readonly Verb[]): string {
  const rows = [
    ...verbs.map((verb) => [verb.name, verb.describe] as const),
    ["completion", "print a completion script for bash or zsh"] as const,
  ];
  return [
    "Usage: bungee <command> [selectors…] [flags]",
    "",
    "Deploys NixOS to a fleet over SSH, and snaps every host back that does not",
    "answer afterwards.",
    "",
    ...table(rows),
    "",
    "bungee <command> --help says more. --version prints the version.",
    ...EXIT,
  ].join("\n");
}

export function helpOf(verb: Verb): string {
  return [
    `Usage: bungee ${usageOf(verb)} [flags]`,
    "",
    verb.describe,
    ...(verb.withoutSelectors === null ? [] : [SELECTORS, `No selector: ${verb.withoutSelectors}.`]),
    "",
    ...table(
      Object.entries(verb.flags).flatMap(([name, flag]) =>
        flag.rare ? [] : [[spell(name, flag), flag.describe] as const],
      ),
    ),
    "",
    "Examples:",
    ...table(verb.examples),
    "",
    ...EXIT,
  ].join("\n");
}

const SELECTORS = "Selectors: names, patterns (web*), labels (role=dns+tier=prod), !without.";

function usageOf({ name, withoutSelectors }: Verb): string {
  return withoutSelectors === null ? name : `${name} [selectors…]`;
}

function spell(name: string, { alias, value }: Flag): string {
  return `${alias ? `-${alias}, ` : ""}--${name}${value ? ` <${value}>` : ""}`;
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const columns = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${pad(left, columns)}  ${right}`);
}
