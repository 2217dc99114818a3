/** A template as a user has it after the first hour: its inputs locked, its placeholders filled in. Nothing comes from the network. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const checkout = join(import.meta.dirname, "..", "..");
export const TEMPLATES = ["minimal", "fleet", "ci"] as const;
export type Template = (typeof TEMPLATES)[number];
export const templateFolder = (template: Template): string => join(checkout, "templates", template);

export const SYSTEM = `${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux`;

/** Where things are, as who writes sees it, and as nix will. */
interface Place {
  readonly here: string;
  readonly there: string;
}

/** Runs nix, and gives its standard output. */
type Nix = (argv: readonly string[]) => Promise<string>;

/** Writes the stand-ins for nixpkgs and bungee, which `flakeLock` then names. */
export function writeStandins({ here }: Place): void {
  const put = (from: string, to: string, filter?: (file: string) => boolean) => {
    cpSync(join(checkout, from), join(here, to), { recursive: true, ...(filter ? { filter } : {}) });
  };
  const write = (name: string) => {
    const text = readFileSync(join(import.meta.dirname, `${name}.nix`), "utf8");
    const code = text.replaceAll("@system@", SYSTEM).replaceAll("@main@", join(checkout, "src", "main.ts"));
    writeFileSync(join(here, name, "flake.nix"), code);
  };
  mkdirSync(join(here, "bungee", "bungee"), { recursive: true });
  put("examples/fleet/standin", "nixpkgs/standin");
  for (const module of ["gated-user.nix", "deploy-user.nix", "push-user.nix"])
    put(`test/systems/${module}`, `bungee/${module}`);
  put("nix", "bungee/bungee/nix");
  put("src/activator", "bungee/bungee/src/activator", (file) => !file.endsWith(".ts"));
  for (const name of ["nixpkgs", "bungee"]) write(name);
}

/**
 * The flake.lock that a user commits, but that what it locks (nixpkgs, bungee) lies on this machine. nix takes it as it is, since it was made for the very
 * inputs that flake.nix names.
 */
export async function flakeLock(flake: string, { there }: Place, nix: Nix): Promise<string> {
  const node = async (name: string, url: string, more = {}) => {
    const path = join(there, name);
    const narHash = (await nix(["hash", "path", path])).trim();
    const [, owner, repo, ref] = /^github:([^/]+)\/([^/]+)(?:\/(.+))?$/.exec(url) ?? [];
    if (owner === undefined) throw new Error(`${name} is not taken from GitHub: ${url}`);
    const original = { type: "github", owner, repo, ...(ref === undefined ? {} : { ref }) };
    return { locked: { type: "path", path, narHash }, original, ...more };
  };
  const urlOf = (input: string) => new RegExp(`^ *(?:inputs\\.)?${input}\\.url = "([^"]+)"`, "m").exec(flake)?.[1];
  const inputs = ["nixpkgs", "bungee"].filter((input) => urlOf(input) !== undefined);
  if (inputs.length === 0) throw new Error("the flake has no inputs that are known here");
  const follows = { bungee: { inputs: { nixpkgs: ["nixpkgs"] } } };
  const locked = inputs.map(async (input) => [input, await node(input, urlOf(input)!, follows[input as "bungee"])]);
  const nodes = {
    root: { inputs: Object.fromEntries(inputs.map((input) => [input, input])) },
    ...Object.fromEntries(await Promise.all(locked)),
  };
  return `${JSON.stringify({ nodes, root: "root", version: 7 }, null, 2)}\n`;
}
