/** What makes a confirmation prove something. */
import { type Fault, host, pitfalls, src } from "../fault.ts";

const P1 = pitfalls(
  "stale-confirmation",
  "P1: a stale confirmation confirms nothing",
  "what confirmed or failed before counts for no later run of the same closure",
);
const P7 = (test: string) =>
  pitfalls("one-attempt", "P7: confirmation is tried again until its time is over, at every address", test);
const P8 = (test: string) =>
  pitfalls("what-confirmation-proves", "P8: a confirmation proves that the host is well", test);

export const CONFIRMATION: readonly Fault[] = [
  {
    pitfall: "P1",
    what: "any token confirms",
    edits: [
      host(
        "11-verbs",
        `confirm() { # ID; token on stdin
  load "$1"
  check_token`,
        `confirm() { # ID; token on stdin
  load "$1"
  listen`,
      ),
    ],
    caughtBy: P1,
  },
  {
    pitfall: "P1",
    what: "a confirmation in mid-switch is taken",
    edits: [
      host(
        "11-verbs",
        `    beginning | activating | rebooting) refuse not-yet "run $id has not finished its activation" ;;`,
        `    beginning | activating | rebooting) become "$(state)" confirmed; status_line; return ;;`,
      ),
    ],
    caughtBy: P1,
  },
  {
    pitfall: "P7",
    what: "one attempt to confirm",
    edits: [
      src(
        "run/confirm.ts",
        "      if (!(await session.patience.untilNextTry({ began, deadline, every: retryEvery * 1000 }))) return;",
        "      return;",
      ),
    ],
    caughtBy: P7("a firewall that is reloaded drops all for six seconds"),
  },
  {
    pitfall: "P7",
    what: "no attempt may take longer than the first",
    edits: [src("run/patience.ts", "this.#tryMs = Math.max(this.#tryMs, twice);", "void twice;")],
    caughtBy: P7("nobody gets in before seven seconds are over"),
  },
  {
    pitfall: "P7",
    what: "a login that is refused is tried as often as one that nobody answers",
    edits: [src("run/patience.ts", "  if (refusals === 0) return every;", "  if (refusals >= 0) return every;")],
    caughtBy: pitfalls(
      "one-attempt",
      "P7: an sshd that shuts out who fails too often has no reason to, and the deployer sees why nobody gets in",
    ),
  },
  {
    pitfall: "P7",
    what: "only the first address is tried",
    edits: [
      src(
        "host/dial.ts",
        "const addresses = [...new Set(target.addresses)];",
        "const addresses = target.addresses.slice(0, 1);",
      ),
    ],
    caughtBy: P7("the host has another address, and sshd takes its time"),
  },
  {
    pitfall: "P8",
    what: "confirmed over the connection that is open already",
    edits: [src("run/confirm.ts", "const line = await session.fresh({", "const line = await session.line({")],
    caughtBy: P8("sshd is dead, and a session from before lives on: rolled back"),
  },
  {
    pitfall: "P8",
    what: "nobody looks at the units",
    edits: [host("11-verbs", "  broken=$(newly_failed)\n", "  broken=\n")],
    caughtBy: P8("a unit fails that did not fail before: rolled back, and it is named"),
  },
  {
    pitfall: "P8",
    what: "nobody looks at what runs",
    edits: [
      host(
        "11-verbs",
        `  [ "$running" = "$release" ] || refuse not-running "the host runs $running, not the release"\n`,
        "",
      ),
    ],
    caughtBy: P8("another system runs than the one that was sent: rolled back"),
  },
  {
    pitfall: "P13",
    what: "the confirmation's clock starts with the activation",
    edits: [
      host(
        "06-forward",
        "activate() {\n",
        "activate() {\n  deadline=$(($(uptime_seconds) + $(get confirmation-timeout)))\n",
      ),
      host(
        "06-forward",
        `  deadline=$(($(uptime_seconds) + $(get confirmation-timeout)))\n  become "$1"`,
        `  become "$1"`,
      ),
    ],
    caughtBy: pitfalls(
      "slow-switch",
      "P13: a slow switch is waited for, and takes no other host down",
      "the slow one is confirmed, and so is its neighbour",
    ),
  },
];
