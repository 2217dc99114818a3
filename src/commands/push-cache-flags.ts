/** The flags of `bungee push-cache`. */
import { basename } from "node:path";
import { UsageError } from "../errors.ts";
import type { Schema } from "../fleet/sources/source.ts";
import type { Target } from "../host/connection.ts";
import type { ReportKind } from "../report/reporter.ts";
import { isInteractive } from "./ask.ts";
import * as options from "./options.ts";
import type { Flag, Streams, Typed } from "./verb.ts";

export interface PushArguments {
  readonly selectors: readonly string[];
  readonly all: boolean;
  readonly flake: string;
  readonly schema: Schema | "auto";
  readonly to: Target;
  /** undefined: the flake's own name. */
  readonly fleet: string | undefined;
  readonly keep: number;
  readonly signKey: string | undefined;
  readonly sshKeyFile: string | undefined;
  readonly knownHosts: string | undefined;
  readonly parallel: number;
  readonly report: ReportKind | undefined;
  readonly verbose: boolean;
}

export const pushFlags: Readonly<Record<string, Flag>> = {
  to: { value: "uri", describe: "the cache's host: ssh://[user@]host[:port]" },
  all: { describe: "every host that is not disabled" },
  flake: options.flake,
  schema: { ...options.schema, rare: true },
  keep: { value: "n", describe: "releases of each host that the cache keeps (default: 3)" },
  fleet: { value: "name", describe: "whose these are, there (default: the flake's folder)" },
  "sign-key": { value: "file", describe: "sign all of it with this secret key of nix" },
  "ssh-key-file": options.sshKeyFile,
  "known-hosts": options.knownHosts,
  parallel: options.parallel,
  ssh: options.ssh,
  report: options.report,
  verbose: options.verbose,
};

/** @throws UsageError */
export function readPush(typed: Typed, streams: Streams): PushArguments {
  const { selectors, flags } = typed;
  const { ssh } = options.readSsh(typed);
  const args: PushArguments = {
    selectors,
    all: flags.has("all"),
    flake: options.readFlake(typed),
    schema: options.readSchema(typed),
    to: { ...readTo(typed), ssh },
    fleet: options.readText("fleet", typed),
    keep: options.readInteger("keep", typed, { least: 1, most: 9999, unit: "releases" }) ?? 3,
    signKey: options.readText("sign-key", typed),
    sshKeyFile: options.readText("ssh-key-file", typed),
    knownHosts: options.readText("known-hosts", typed),
    parallel: options.readParallel(typed),
    report: options.readReport(typed, streams),
    verbose: flags.has("verbose"),
  };
  const { refuse } = options;
  const naming = selectors.filter((selector) => !selector.startsWith("!"));
  refuse(args.all && naming.length > 0, `--all and ${naming.join(" ")} say different things`, "give one of both");
  options.refuseTwoNames(args.flake, selectors, args.all);
  refuse(
    selectors.length === 0 && !args.all && !args.flake.includes("#") && !isInteractive(streams),
    "no host is chosen, and there is no terminal to ask at",
    "name hosts or labels, or say --all",
  );
  return args;
}

/** As nix names such a store. */
function readTo(typed: Typed): Pick<Target, "node" | "addresses" | "user" | "port"> {
  const text = typed.flags.get("to");
  if (text === undefined) {
    throw new UsageError("--to is missing", { mend: "say where the cache is: --to ssh://push@cache.example.org" });
  }
  const uri = /^ssh(?:-ng)?:\/\/(?:([^@:/?#[\]]+)@)?(?:\[([0-9A-Fa-f:.]+)\]|([^@:/?#[\]]+))(?::(\d{1,5}))?\/?$/.exec(
    String(text),
  );
  const [, user, ip6, name, digits] = uri ?? [];
  const host = ip6 ?? name;
  const port = digits === undefined ? undefined : Number(digits);
  if (host === undefined || port === 0 || (port ?? 1) > 65535) {
    throw new UsageError(`--to is ${text || "empty"}`, { mend: "give ssh://[user@]host[:port], without a path" });
  }
  return { node: host, addresses: [host], user, port };
}

/**
 * What a flake's folder or repository is called; undefined where it has no name of its own.
 * @param url as nix resolved it: `git+file:///home/me/fleet?dir=hosts`, `github:me/fleet/main`
 */
export function fleetName(url: string): string | undefined {
  const [, scheme = "", rest = ""] = /^([a-z0-9+]+):([^?#]*)/.exec(url) ?? [];
  // Behind owner and repository there may be a branch.
  const forge = /^(github|gitlab|sourcehut)$/.test(scheme);
  const name = forge ? (rest.split("/")[1] ?? "") : basename(rest).replace(/\.git$/, "");
  return name === "" || /^[0-9a-z]{32}-/.test(name) || /\.(tar\.\w+|tgz|zip)$/.test(name) ? undefined : name;
}
