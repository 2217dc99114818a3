/** The two changes that the demo and the picture deploy: a good one, and a mistake that cuts a host off. */
import type { Edit, Example } from "./example.ts";

export interface Change {
  /** In a few words. */
  readonly what: string;
  readonly edits: readonly Edit[];
  /** As a person types it in the fleet's directory. */
  readonly command: readonly [string, ...string[]];
}

/** Another version of every service. */
export function upgrade(example: Example): Change {
  return {
    what: "version 2 of every service",
    edits: [
      example.edit("hosts/web.nix", "serves version 1", "serves version 2"),
      example.edit("hosts/db.nix", "version 1", "version 2"),
    ],
    command: ["bungee", "deploy", "--all", "--yes"],
  };
}

/** A typo in web2's address: nix has nothing against it, and once it is active nobody can reach web2. */
export function mistake(example: Example): Change {
  const address = (last: string) => `address = "${example.hosts.web2.address}${last}";`;
  return {
    what: "a typo in web2's address: once this is active, nobody can reach web2",
    edits: [example.edit("hosts/web2.nix", address(""), address("00"))],
    // Less patience than by default, for a demo.
    command: ["bungee", "deploy", "web2", "--yes", "--confirm-timeout", "5"],
  };
}
