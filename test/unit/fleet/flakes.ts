/** Flakes for tests of the fleet, and how they are opened. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, before, beforeEach } from "node:test";
import type { EvaluationError } from "../../../src/errors.ts";
import { type Fleet, type OpenOptions, openFleet } from "../../../src/fleet/fleet.ts";
import { nixString } from "../../../src/nix/command.ts";
import { derivation, RealNix } from "../nix/real-nix.ts";

/** Test files share a store: what one of them builds or deletes must be no other's. */
const ITS_OWN = `# ${process.pid} ${Date.now()}`;

/** A configuration as `nixosConfigurations` holds it. */
export const host = (name: string, config = "{ }") =>
  `{ config = { system.build.toplevel = ${derivation(`system-${name}`, `echo ${name} > $out ${ITS_OWN}`)}; } // ${config}; }`;

export interface Flakes {
  readonly real: RealNix;
  /** Writes a flake with these configurations, as a git repository. */
  flake(folder: string, configurations: Readonly<Record<string, string>>, more?: string): string;
}

/** For the suite it is called in: real nix in a folder of its own, and an empty cache before each test. */
export function useFlakes(): Flakes {
  let real: RealNix;
  before(() => {
    real = new RealNix();
  });
  after(() => real[Symbol.dispose]());
  beforeEach(() => rmSync(real.path("cache", "bungee"), { recursive: true, force: true }));
  return {
    get real() {
      return real;
    },
    flake(folder, configurations, more = "") {
      const attributes = Object.entries(configurations).map(([name, code]) => `${nixString(name)} = ${code};`);
      const code = `{ outputs = { self }: { nixosConfigurations = {\n${attributes.join("\n")}\n}; ${more} }; }`;
      real.write({ [`${folder}/flake.nix`]: code });
      real.commit(folder);
      return real.path(folder);
    },
  };
}

export function open(reference: string, options: Partial<OpenOptions> = {}): Promise<Fleet> {
  return openFleet({ flake: reference, ...options });
}

export async function failure(promise: Promise<unknown>): Promise<EvaluationError> {
  try {
    await promise;
  } catch (error) {
    return error as EvaluationError;
  }
  assert.fail("it did not fail");
}
