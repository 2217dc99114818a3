/** What a deployer owes to the person before it. */
import { e2e, type Fault, pitfalls, src } from "../fault.ts";

const P19 = (...path: string[]) =>
  pitfalls("orphans", "P19: an interruption leaves nothing behind, whenever and however it comes", ...path);
const P20 = (test: string) => pitfalls("footguns", "P20: no footguns", test);

export const DEPLOYER: readonly Fault[] = [
  {
    pitfall: "P18",
    what: "every host asks for the password anew",
    edits: [src("host/elevation/shared-password.ts", `if (verdict === "accepted") this.#proven ??= password;`, "")],
    caughtBy: e2e(
      "elevation",
      "P18: a password for becoming root",
      "is asked for once for two hosts, before the build, and is found nowhere during or after",
    ),
  },
  {
    pitfall: "P19",
    what: "a closed terminal ends bungee in the middle",
    edits: [
      src("commands/interruption.ts", `["SIGINT", "SIGTERM", "SIGHUP"] as const`, `["SIGINT", "SIGTERM"] as const`),
    ],
    caughtBy: P19("while activating", "a closed terminal"),
  },
  {
    pitfall: "P19",
    what: "who leaves at once says nothing of the hosts",
    edits: [
      src(
        "commands/reporting.ts",
        "for (const event of leaving.end(INTERRUPTED)) emit(event);",
        "leaving.end(INTERRUPTED);",
      ),
    ],
    caughtBy: P19("while activating", "a CI runner's cancel"),
  },
  {
    pitfall: "P20",
    what: "unknown settings are ignored",
    edits: [src("fleet/fields.ts", "z.strictObject(", "z.object(")],
    caughtBy: P20("a setting that does not exist is an error that names the nearest one, and nothing is deployed"),
  },
  {
    pitfall: "P20",
    what: "exit 0 after a rollback",
    edits: [src("run/outcome.ts", "return all.every(asWanted) ? 0 : 1;", "return 0;")],
    caughtBy: P20("exit codes tell the endings apart"),
  },
];
