/**
 * The lab for a person at a shell: `npm run lab -- <verb>`. The first `up` starts the lab in the background, `stop`
 * ends it.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import yargs, { type Arguments, type Options } from "yargs";
import { hideBin } from "yargs/helpers";
import { places, type Request } from "./byhand.ts";
import { ask, inLab, startLab } from "./client.ts";
import { LabError } from "./exec.ts";
import { releases } from "./rootfs.ts";
import { inSandbox } from "./sandbox.ts";
import { users } from "./ssh.ts";

const release = { choices: releases, default: "bookworm", describe: "bookworm has nix 2.8, trixie 2.26" };
const size = { type: "number", default: 3, describe: "of the disk, in GiB" } as const;
const user = { choices: users, default: "root" };
const how = { choices: ["drop", "refuse"], describe: "packets vanish, or everybody is told at once" };
const what = { choices: ["stop", "start"] };
const leave = { type: "number", default: 0, describe: "free space that stays, in MiB" } as const;
const boot = { type: "boolean", default: true, describe: "start it again" } as const;
const number = { type: "number" } as const;

/** Command, description, and what there is to say about its arguments. */
const verbs: [string, string, Record<string, Options>?][] = [
  ["up <names..>", "switch hosts on; new ones are made", { release, size }],
  ["down <names..>", "switch hosts off, at once"],
  ["remove <names..>", "take hosts away, disk and all"],
  ["list", "all hosts, and what they run"],
  ["ssh <name> [command..]", "log in", { user }],
  ["run <name> [command..]", "run a command in a host, not through its network"],
  ["shell [command..]", "a shell where the deployer runs, with bungee at hand", { release }],
  ["install <name> <toplevel>", "give a host a system that was built in the shell", { release }],
  ["cut <name> <how>", "cut the cable", { how }],
  ["heal <name>", "mend the cable"],
  ["limit <name> [mbit]", "limit the bandwidth towards a host; without a number: no limit", { mbit: number }],
  ["latency <name> [ms]", "add to the round-trip time; without a number: nothing", { ms: number }],
  ["address <name> <address>", "give a host another address"],
  ["sshd <name> <what>", "stop or start sshd", { what }],
  ["kill <name> <pid>", "kill a process; pid as the host counts", { pid: number }],
  ["fill <name>", "fill the disk", { leave }],
  ["free <name>", "give the disk its free space again"],
  ["reset <name>", "power loss", { boot }],
  ["reboot <name>", "tell a host to reboot"],
  ["console <name>", "what a host has written to its console"],
  ["stop", "end the lab and everything in it"],
];

async function main(): Promise<void> {
  const parser = yargs(hideBin(process.argv))
    .scriptName("npm run lab --")
    .parserConfiguration({ "unknown-options-as-args": true })
    .string(["name", "names", "command", "address", "toplevel"])
    .demandCommand(1, "say what shall be done; --help tells what can be")
    .version(false)
    .strictCommands()
    .fail((message, error) => {
      throw error ?? new LabError(message.replaceAll(/\s+/g, " "));
    });
  for (const [command, description, options] of verbs) {
    parser.command(command, description, options ?? {}, (args) => handle(asRequest(args)));
  }
  parser.command("serve", false, {}, serve);
  await parser.parseAsync();
}

/** What stands behind `--` is part of the command. */
function asRequest(args: Arguments): Request {
  const [verb, ...rest] = args._.map(String);
  const command = [...((args.command as string[] | undefined) ?? []), ...rest];
  return { ...args, verb, command, term: process.env.TERM ?? "dumb" } as unknown as Request;
}

/** Has a request answered by the lab; `up` and `shell` start it. */
async function handle(request: Request): Promise<void> {
  let reply = await ask(request);
  if (reply === undefined) {
    if (request.verb === "stop") return;
    if (request.verb !== "up" && request.verb !== "shell")
      throw new LabError("no lab is running: begin with `up NAME`");
    await startLab();
    reply = (await ask(request)) ?? { error: "the lab has just ended" };
  }
  if ("error" in reply) throw new LabError(reply.error);
  if ("exec" in reply) process.exitCode = await inLab(reply.exec);
  else if (reply.say) console.log(reply.say);
}

/** The process in the background: the sandbox ends with it. */
async function serve(): Promise<void> {
  const argv = [process.execPath, join(import.meta.dirname, "byhand.ts")];
  process.exitCode = await inSandbox(argv, { started: (pid) => writeFileSync(places().pid, String(pid)) });
}

try {
  await main();
} catch (error) {
  console.error(error instanceof LabError ? `lab: ${error.message}` : error);
  process.exitCode = 1;
}
