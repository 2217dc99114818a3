/** `bungee push-cache`: builds the chosen hosts' systems, and has a binary cache keep them. No host of the fleet is asked. */
import { access, constants } from "node:fs/promises";
import { ConfigurationError, UsageError } from "../errors.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { demandKnownHosts } from "../host/acquaintance.ts";
import { connect } from "../host/dial.ts";
import { openReporter } from "../report/open.ts";
import { styleOf } from "../report/style.ts";
import { CacheHost } from "../run/push.ts";
import { isInteractive } from "./ask.ts";
import { openLogin, takeGiven } from "./ci-login.ts";
import { deployTo } from "./deployment.ts";
import { readFleet } from "./open-fleet.ts";
import { fleetName, type PushArguments, pushFlags, readPush } from "./push-cache-flags.ts";
import { withReporter } from "./reporting.ts";
import { openSecrets } from "./secrets.ts";
import { chooseOrAsk } from "./selection.ts";
import type { Streams, Verb } from "./verb.ts";

export const pushCacheVerb: Verb = {
  name: "push-cache",
  describe: "Build, and have a binary cache keep what is built.",
  withoutSelectors: "asks; without a terminal, an error that says --all",
  flags: pushFlags,
  examples: [["bungee push-cache --all --to ssh://push@cache", "for hosts to fetch"]],

  prepare(typed, streams) {
    const args = readPush(typed, streams);
    return () => run(args, streams);
  },
};

async function run(args: PushArguments, streams: Streams): Promise<number> {
  const given = takeGiven(process.env);
  const { verbose, signKey, keep } = args;
  const reporter = openReporter(args.report, { output: streams.stdout, style: styleOf("stdout"), verbose });
  return withReporter(reporter, async (emit, interruption) => {
    const { signal } = interruption;
    await checkKey(signKey);
    // What is pushed has to be here, whatever the nodes say of themselves.
    const fleet = await readFleet(args, emit, { overrides: { build: "local" }, signal });
    const name = nameOf(fleet, args);
    const chosen = await reporter.withTerminal(() => chooseOrAsk(fleet, args, streams, signal));
    await using login = await openLogin(args, given, { interactive: isInteractive(streams) });
    const { identityFile, configFile } = login;
    const target = { ...args.to, ...(identityFile === undefined ? {} : { identityFile }) };
    // A job that was given its key has nobody who could look at a fingerprint.
    if (identityFile !== undefined) await demandKnownHosts([target], { configFile, signal });
    using secrets = openSecrets(reporter, interruption, streams);
    const push = { target, fleet: name, keep, signKey, secrets, emit, interruption: signal };
    await using cache = new CacheHost(push, connect);
    return await deployTo(chosen, fleet, { ...TERMS, ...args, cache }, { streams, reporter, emit, interruption });
  });
}

const TERMS = {
  action: "build",
  reboot: "never",
  lockWait: 0,
  allowHostNameChange: false,
  dryRun: false,
  yes: true,
} as const;

async function checkKey(file: string | undefined): Promise<void> {
  if (file === undefined) return;
  await access(file, constants.R_OK).catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigurationError(`--sign-key ${file} cannot be read: ${cause.code}`, {
      mend: "correct the path",
      cause,
    });
  });
}

function nameOf({ snapshot }: Fleet, { fleet }: PushArguments): string {
  const name = fleet ?? fleetName(snapshot.url);
  if (name !== undefined) return name;
  throw new UsageError(`${snapshot.url} has no name under which a cache could keep its hosts' systems`, {
    mend: "give one: --fleet, always the same",
  });
}
