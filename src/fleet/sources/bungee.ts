/** `nixosConfigurations`, whose settings stand in each configuration's own `config.bungee`. */
import { nixString } from "../../nix/command.ts";
import { isSet } from "../fields.ts";
import { attributePath } from "../sentences.ts";
import type { Source, SourceNode } from "./source.ts";

export const bungeeSource: Source = {
  schema: "bungee",
  output: "nixosConfigurations",
  entries: "outputs.nixosConfigurations or null",
  common: "null",
  entry: `(node: let inherit (node) config; in {
    hostName = config.networking.hostName or null;
    bungee = clean (config.bungee or { });
  })`,
  read: ({ entries }) => ({
    nodes: new Map([...entries].map(([name, said]) => [name, nodeOf(name, said)])),
    defaults: {},
    notes: [],
    errors: [],
    notAll: null,
  }),
};

function nodeOf(name: string, said: unknown): SourceNode {
  return {
    ...(isSet(said) ? configured(said) : configured({})),
    settings: {},
    place: attributePath("nixosConfigurations", name, "config", "bungee"),
    chain: [],
    profile: null,
    also: [],
    system: `outputs.nixosConfigurations.${nixString(name)}.config.system.build.toplevel`,
    keys: [],
    notEnabled: null,
  };
}

/** What every NixOS configuration may say of itself. */
export const configured = ({ hostName, bungee }: Record<string, unknown>) => ({
  hostName: typeof hostName === "string" && hostName !== "" ? hostName : null,
  bungee,
});
