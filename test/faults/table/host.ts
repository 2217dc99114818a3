/** What keeps a run from harming a host, and runs from one another. */
import { e2e, type Fault, host, pitfalls, src } from "../fault.ts";

const P14 = (test: string) => pitfalls("garbage", "P14: no garbage collection takes a system that is on its way", test);

export const HOST: readonly Fault[] = [
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
    pitfall: "P9",
    what: "no lock",
    edits: [
      host(
        "10-begin",
        "take_lock() {\n  drop_lock_of_nobody\n  if [ -L $STATE/current ]; then",
        "take_lock() {\n  if false; then",
      ),
      host("10-begin", `ln -sT "runs/$id" $STATE/current`, `ln -sfT "runs/$id" $STATE/current`),
    ],
    caughtBy: e2e("again", "P9: two deployers at once: one deploys, the other is told who holds the host"),
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
    caughtBy: P14("what is kept is let go of at the end, on both sides; until then also what waits for its turn"),
  },
  {
    pitfall: "P14",
    what: "what was evaluated is kept only once it is built",
    edits: [src("run/build.ts", "    await this.#kept(drvPath);\n", "")],
    caughtBy: P14("what is kept is let go of at the end, on both sides; until then also what waits for its turn"),
  },
  {
    pitfall: "P14",
    what: "no GC root on the deployer",
    edits: [src("nix/build.ts", `options.root === undefined ? [] : ["--add-root", options.root]`, "[]")],
    caughtBy: P14("what is kept is let go of at the end, on both sides; until then also what waits for its turn"),
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
];
