/** The Nix expressions that are evaluated, each over a pinned flake. */
import { nixString } from "../nix/command.ts";
import type { Snapshot } from "../nix/flake.ts";
import type { Source } from "./sources/source.ts";

/** What the readers of a source say of it in Nix. */
type InNix = Pick<Source, "entries" | "common" | "entry">;

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

/** Where fleets may stand in a flake: which of these there are. */
const PRESENT = `present = {
    nixosConfigurations = outputs ? nixosConfigurations;
    deploy = outputs ? deploy && builtins.isAttrs outputs.deploy && outputs.deploy ? nodes;
    colmena = outputs ? colmena;
    colmenaHive = outputs ? colmenaHive;
  };`;

/** → { present, names: string[] | null when there are no entries, common: any, output: any }. Forces no configuration. */
export function namesExpression(snapshot: Pick<Snapshot, "expression">, source: InNix): string {
  return `let ${CLEAN}
  outputs = ${snapshot.expression}.outputs;
  entries = ${source.entries};
in {
  ${PRESENT}
  names = if entries == null then null else builtins.attrNames entries;
  common = if entries == null then null else ${source.common};
  output = clean (outputs.bungee or { });
}`;
}

/** → the same, but for what the output says of nodes: of these only the names. */
export function partsExpression(snapshot: Pick<Snapshot, "expression">, source: InNix): string {
  return `let ${CLEAN}
  outputs = ${snapshot.expression}.outputs;
in {
  ${PRESENT}
  names = builtins.attrNames (${source.entries});
  common = ${source.common};
  output = clean (builtins.removeAttrs outputs.bungee [ "nodes" ]);
  nodes = builtins.attrNames outputs.bungee.nodes;
}`;
}

/** → what the output says of one node. */
export function nodeOutputExpression(snapshot: Pick<Snapshot, "expression">, name: string): string {
  return `let ${CLEAN} in clean ${snapshot.expression}.outputs.bungee.nodes.${nixString(name)}`;
}

/**
 * → what the source's entry says for each name, in their order; null where a \`throw\`, an assertion or a type error stops it.
 * A list, since a set with an attribute named outPath would be printed as that path alone.
 */
export function settingsExpression(
  snapshot: Pick<Snapshot, "expression">,
  source: InNix,
  names: readonly string[],
): string {
  return `let ${CLEAN}
  outputs = ${snapshot.expression}.outputs;
  entries = ${source.entries};
  settings = name: ${source.entry} entries.\${name};
  attempt = value: let tried = builtins.tryEval (builtins.deepSeq value value); in
    if tried.success then tried.value else null;
in map (name: attempt (settings name))
  [ ${names.map(nixString).join(" ")} ]`;
}

/** → the same for one name, without the net: its error is nix' own. */
export function nodeSettingsExpression(snapshot: Pick<Snapshot, "expression">, source: InNix, name: string): string {
  return `let ${CLEAN}
  outputs = ${snapshot.expression}.outputs;
  entries = ${source.entries};
in ${source.entry} entries.${nixString(name)}`;
}

/**
 * → { drvPath, outPath } under other names: a set with an attribute named outPath would be printed as that path alone. A text that
 * holds the path of a derivation's output will do as well, which knows by its context what that derivation is.
 * @param system Nix, over `outputs`
 */
export function systemExpression(snapshot: Pick<Snapshot, "expression">, system: string): string {
  return `let
  outputs = ${snapshot.expression}.outputs;
  system = ${system};
  derivations = builtins.filter (path: builtins.match ".*[.]drv" path != null) (builtins.attrNames (builtins.getContext system));
in if !(builtins.isString system) then { derivation = system.drvPath; output = system.outPath; }
else if builtins.length derivations == 1 then { derivation = builtins.head derivations; output = system; }
else throw "this is the path of no derivation of this flake: \${system}"`;
}
