/** What protects a host, taken out piece by piece: for each pitfall a fault as another deployer has it, and the test that must fail then. */

export interface Edit {
  /** From the top of the checkout. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface Fault {
  readonly pitfall: string;
  /** What is wrong then, in a few words. */
  readonly what: string;
  readonly edits: readonly Edit[];
  /** The test that has to fail: its file, and its title below those of the suites and tests that it is in. */
  readonly caughtBy: { readonly file: string; readonly path: readonly [string, ...string[]] };
}

const host = (part: string, find: string, replace: string): Edit => ({
  file: `src/activator/host/${part}.sh`,
  find,
  replace,
});
const src = (file: string, find: string, replace: string): Edit => ({ file: `src/${file}`, find, replace });
const pitfalls = (file: string, ...path: [string, ...string[]]) => ({
  file: `test/e2e/pitfalls/${file}.test.ts`,
  path,
});
const e2e = (file: string, ...path: [string, ...string[]]) => ({ file: `test/e2e/${file}.test.ts`, path });

const P1 = pitfalls(
  "stale-confirmation",
  "P1: a stale confirmation confirms nothing",
  "what confirmed or failed before counts for no later run of the same closure",
);
const P7 = (test: string) =>
  pitfalls("one-attempt", "P7: confirmation is tried again until its time is over, at every address", test);
const P8 = (test: string) =>
  pitfalls("what-confirmation-proves", "P8: a confirmation proves that the host is well", test);
const P10 = (test: string) =>
  pitfalls("way-back", "P10: the way back does not fail, or the host reboots into the old system", test);
const P14 = (test: string) => pitfalls("garbage", "P14: no garbage collection takes a system that is on its way", test);
const P19 = (...path: string[]) =>
  pitfalls("orphans", "P19: an interruption leaves nothing behind, whenever and however it comes", ...path);
const P20 = (test: string) => pitfalls("footguns", "P20: no footguns", test);

export const FAULTS: readonly Fault[] = [
  {
    pitfall: "P1",
    what: "any token confirms",
    edits: [
      host(
        "11-verbs",
        `confirm() { # ID; token on stdin
  load "$1"
  IFS= read -r token
  [ "$token" = "$(get token)" ] || refuse token "this is not the token of run $id"`,
        `confirm() { # ID; token on stdin
  load "$1"
  IFS= read -r token`,
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
    pitfall: "P2",
    what: "the run and its guard die with the connection that follows them",
    edits: [
      host(
        "11-verbs",
        "  offset=$2 idle=0\n",
        `  offset=$2 idle=0
  abandon() {
    systemctl stop "bungee-guard-$id.timer"
    systemctl kill --kill-whom=all --signal=KILL "bungee-run-$id.service"
    exit
  }
  trap abandon HUP PIPE TERM\n`,
      ),
      host("11-verbs", `printf 'log 0\\n' || exit 0`, `printf 'log 0\\n' || abandon`),
      host("08-units", ` --property=OnFailure="bungee-guard-$id.service" \\\n    --`, " \\\n    --"),
    ],
    caughtBy: e2e(
      "deployer-killed",
      "P2: the deployer is killed",
      "in every state of a run",
      "while activating: rolled-back",
    ),
  },
  {
    pitfall: "P3",
    what: "only a host that was deployed to before can go back",
    edits: [
      host(
        "07-back",
        "roll_back() {\n",
        `roll_back() {\n  [ -s "$STATE/history" ] || { finish rolling-back rollback-failed; return; }\n`,
      ),
    ],
    caughtBy: e2e(
      "first-deploy",
      "P3: the first deploy cuts the network of a bookworm host that bungee never saw: it goes back",
    ),
  },
  {
    pitfall: "P4",
    what: "profile and boot entry are set first",
    edits: [
      host(
        "06-forward",
        `  switch_to "$release" test "$(get activation-timeout)"`,
        `  nix-env --profile $PROFILE --set "$release"\n  switch_to "$release" switch "$(get activation-timeout)"`,
      ),
    ],
    caughtBy: e2e(
      "host-reset",
      "P4: the host loses its power",
      "in every state of a run",
      "while awaiting confirmation: boots the old system",
    ),
  },
  {
    pitfall: "P5",
    what: "the profile goes back to the generation of the next lower number",
    edits: [
      host(
        "07-back",
        `    ln -sfn "\${link##*/}" "$PROFILE-bungee" && mv -T "$PROFILE-bungee" $PROFILE`,
        "    nix-env --profile $PROFILE --rollback",
      ),
    ],
    caughtBy: e2e(
      "again",
      "P5: after a rollback by hand, what is restored is what was there, not what has a lower number",
    ),
  },
  {
    pitfall: "P5",
    what: "what the profile has is recorded as what runs",
    edits: [
      host(
        "10-begin",
        `put recorded-running "$(resolved /run/current-system)"`,
        `put recorded-running "$(resolved $PROFILE)"`,
      ),
    ],
    caughtBy: pitfalls(
      "wrong-generation",
      "P5: the recorded generation is restored, not the one with a lower number",
      "the closure that runs already, deployed again: what ran and what would boot stay two systems",
    ),
  },
  {
    pitfall: "P6",
    what: "dry-activate activates",
    edits: [
      host(
        "11-verbs",
        `"$1/bin/switch-to-configuration" dry-activate 2>&1`,
        `"$1/bin/switch-to-configuration" test 2>&1`,
      ),
    ],
    caughtBy: e2e("again", "P6: --dry-run, plan and dry-activate change nothing on any host"),
  },
  {
    pitfall: "P7",
    what: "one attempt to confirm",
    edits: [src("run/confirm.ts", "      if (next > deadline) return;", "      return;")],
    caughtBy: P7("a firewall that is reloaded drops all for six seconds"),
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
    pitfall: "P9",
    what: "no lock",
    edits: [
      host("10-begin", "take_lock() {\n  if [ -L $STATE/current ]; then", "take_lock() {\n  if false; then"),
      host("10-begin", `ln -sT "runs/$id" $STATE/current`, `ln -sfT "runs/$id" $STATE/current`),
    ],
    caughtBy: e2e("again", "P9: two deployers at once: one deploys, the other is told who holds the host"),
  },
  {
    pitfall: "P10",
    what: "what is written on the way back has no room of its own",
    edits: [
      host(
        "10-begin",
        `reserve() { for name; do printf '%1000s\\n' '' >"$run/$name" || return; done; }`,
        `reserve() { for name; do : >"$run/$name" || return; done; }`,
      ),
    ],
    caughtBy: P10("a full disk on which every byte that becomes free is taken at once"),
  },
  {
    pitfall: "P10",
    what: "a host that cannot go back stays as it is",
    edits: [
      host(
        "07-back",
        `    note "rebooting into the recorded system"\n    reboot_now\n`,
        `    note "rebooting into the recorded system"\n`,
      ),
    ],
    caughtBy: P10(
      "the recorded system cannot be activated any more: the host boots it, and the deployer sees that it is back",
    ),
  },
  {
    pitfall: "P10",
    what: "what the host says of itself is believed",
    edits: [
      src(
        "run/verdict.ts",
        `seen === null ? ["the host could not be asked over a fresh connection"] : differences(seen, status, sight);`,
        `seen === null ? [] : differences(seen, status, sight);`,
      ),
    ],
    caughtBy: P10("a host that went back and lets nobody in is not called well"),
  },
  {
    pitfall: "P11",
    what: "a boot that fails activates what was recorded",
    edits: [host("07-back", `  elif [ "$action" = boot ] || reactivate; then`, "  elif reactivate; then")],
    caughtBy: pitfalls(
      "boot-fails",
      "P11: a boot that fails changes nothing that runs",
      "a system that fails-boot-step, on a host that runs another system than it boots",
    ),
  },
  {
    pitfall: "P12",
    what: "every host goes back to what its profile has",
    edits: [host("07-back", "  running=$(get recorded-running)\n", "  running=$(resolved $PROFILE)\n")],
    caughtBy: pitfalls(
      "fleet",
      "P12: every host goes back to its own recorded state, and its true state is told",
      "hosts with histories of their own, one deploy that fails on most of them",
    ),
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
  {
    pitfall: "P14",
    what: "a copy that was collected before the run kept it is not made again",
    edits: [src("run/pipeline.ts", "const ATTEMPTS = 5;", "const ATTEMPTS = 1;")],
    caughtBy: P14("collected between the copy and the run that is to keep it: copied again, and confirmed"),
  },
  {
    pitfall: "P14",
    what: "no GC root on the host",
    edits: [
      host(
        "10-begin",
        `[ -z "$path" ] || ln -sfn "$path" "$ROOTS/$id-$name" || refuse state-directory "cannot write $ROOTS"`,
        ":",
      ),
    ],
    caughtBy: P14("what is kept is let go of at the end, on both sides"),
  },
  {
    pitfall: "P14",
    what: "no GC root on the deployer",
    edits: [src("nix/build.ts", `options.root === undefined ? [] : ["--add-root", options.root]`, "[]")],
    caughtBy: P14("what is kept is let go of at the end, on both sides"),
  },
  {
    pitfall: "P15",
    what: "state is written by way of /tmp",
    edits: [
      host(
        "04-state",
        `put() { printf '%s\\n' "$2" >"$run/$1"; }`,
        `put() { printf '%s\\n' "$2" >/tmp/bungee && mv /tmp/bungee "$run/$1"; }`,
      ),
    ],
    caughtBy: pitfalls("tmp", "P15: nothing depends on /tmp", "full"),
  },
  {
    pitfall: "P16",
    what: "a boot step that says it went well is believed",
    edits: [host("06-forward", `  elif [ "\${default:-$release}" != "$release" ]; then`, "  elif false; then")],
    caughtBy: pitfalls(
      "boot-step",
      "P16: the boot step is checked on its own",
      "it says that all is well, and the default is the old system",
    ),
  },
  {
    pitfall: "P17",
    what: "a value is read as shell",
    edits: [host("10-begin", `put actor "$actor"`, `eval "put actor \\"$actor\\""`)],
    caughtBy: pitfalls(
      "quoting",
      "P17: no value can run a command",
      "hostile names, labels, files, folders and people: deployed as they stand",
    ),
  },
  {
    pitfall: "P17",
    what: "a value is read as Nix",
    edits: [src("nix/command.ts", `    .replaceAll("\${", "\\\\\${")\n`, "")],
    caughtBy: pitfalls(
      "quoting",
      "P17: no value can run a command",
      "hostile names, labels, files, folders and people: deployed as they stand",
    ),
  },
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
