/** The Nix expressions that are evaluated, each over a pinned flake. */
import { nixString } from "../nix/command.ts";
import type { Snapshot } from "../nix/flake.ts";

/**
 * Makes any value fit for JSON. A path becomes its text: as JSON it would be copied to the store, and a path in
 * `identityFile` is somebody's private key. Functions become a text that the schema then refuses by the field's name.
 */
const CLEAN = `
  clean = value:
    if builtins.isAttrs value then
      (if value ? outPath then toString value else builtins.mapAttrs (_: clean) value)
    else if builtins.isList value then map clean value
    else if builtins.isPath value then toString value
    else if builtins.isFunction value then "a function"
    else value;`;

/** → { names: string[] | null when there are no nixosConfigurations, output: any }. Forces no configuration. */
export function namesExpression(snapshot: Pick<Snapshot, "expression">): string {
  return `let ${CLEAN}
  outputs = ${snapshot.expression}.outputs;
in {
  names = if outputs ? nixosConfigurations then builtins.attrNames outputs.nixosConfigurations else null;
  output = clean (outputs.bungee or { });
}`;
}

/**
 * → one { hostName, bungee } for each name, in their order; null where a \`throw\`, an assertion or a type error stops it.
 * A list, since a set with an attribute named outPath would be printed as that path alone.
 */
export function settingsExpression(snapshot: Pick<Snapshot, "expression">, names: readonly string[]): string {
  return `let ${CLEAN}
  configurations = ${snapshot.expression}.outputs.nixosConfigurations;
  settings = name: let config = configurations.\${name}.config; in {
    hostName = config.networking.hostName or null;
    bungee = clean (config.bungee or { });
  };
  attempt = value: let tried = builtins.tryEval (builtins.deepSeq value value); in
    if tried.success then tried.value else null;
in map (name: attempt (settings name))
  [ ${names.map(nixString).join(" ")} ]`;
}

/** → the same for one name, without the net: its error is nix' own. */
export function nodeSettingsExpression(snapshot: Pick<Snapshot, "expression">, name: string): string {
  return `let ${CLEAN}
  config = ${snapshot.expression}.outputs.nixosConfigurations.${nixString(name)}.config;
in { hostName = config.networking.hostName or null; bungee = clean (config.bungee or { }); }`;
}

/** → { drvPath, outPath } under other names: a set with an attribute named outPath would be printed as that path alone. */
export function systemExpression(snapshot: Pick<Snapshot, "expression">, name: string): string {
  return `let
  toplevel = ${snapshot.expression}.outputs.nixosConfigurations.${nixString(name)}.config.system.build.toplevel;
in { derivation = toplevel.drvPath; output = toplevel.outPath; }`;
}
