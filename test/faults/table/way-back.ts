/** What leads a host back, whatever died. */
import { e2e, type Fault, host, pitfalls, src } from "../fault.ts";

const P10 = (test: string) =>
  pitfalls("way-back", "P10: the way back does not fail, or the host reboots into the old system", test);

export const WAY_BACK: readonly Fault[] = [
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
    pitfall: "P16",
    what: "a boot step that says it went well is believed",
    edits: [host("06-forward", `  elif [ "\${default:-$release}" != "$release" ]; then`, "  elif false; then")],
    caughtBy: pitfalls(
      "boot-step",
      "P16: the boot step is checked on its own",
      "it says that all is well, and the default is the old system",
    ),
  },
];
