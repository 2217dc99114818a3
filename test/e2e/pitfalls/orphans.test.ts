/**
 * Interrupted at any stage, in any way: bungee ends when it should and says what became of each host, nothing of it is left on
 * the deployer, and the host ends rolled back or committed.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import type { Host } from "../../lab/host.ts";
import type { Running } from "../../lab/inside.ts";
import type { Workstation } from "../../lab/workstation.ts";
import { type SystemSpec, writeFleet } from "../../systems/fleet.ts";
import { type Deployment, FLAKE, finish, Scene, skip, untilQuiet, untilState } from "../scene.ts";

/** Signals, and the milliseconds between them. A CI runner sends KILL ten seconds after the first. */
const WAYS: Readonly<Record<string, readonly (NodeJS.Signals | number)[]>> = {
  "Ctrl-C": ["SIGINT"],
  "Ctrl-C twice": ["SIGINT", 200, "SIGINT"],
  "a closed terminal": ["SIGHUP"],
  "a CI runner's cancel": ["SIGINT", 7500, "SIGTERM", 2500, "SIGKILL"],
};
const LEAVES = ["Ctrl-C twice", "a CI runner's cancel"];

interface StageCase {
  readonly spec: SystemSpec;
  /** What an ordinary system's Nix code becomes. */
  readonly behaviour?: string;
  readonly mbit?: number;
  readonly reached: (host: Host, running: Running, deployer: Workstation) => Promise<unknown>;
  /** A run has begun on the host: it is let come to its end, or left to itself. */
  readonly onHost: boolean;
}

const shows = (text: string) => async (_: Host, running: Running) => {
  while (!running.stdout.includes(text)) {
    assert.ok(running.alive, running.stdout + running.stderr);
    await pause(20);
  }
  await pause(300);
};

const STAGES: Readonly<Record<string, StageCase>> = {
  "evaluating settings": {
    spec: {},
    // Ends when nobody waits for it any more.
    behaviour:
      "ordinary = _: let many = builtins.genList (x: x) 100000; in builtins.foldl' (_: x: builtins.foldl' builtins.add x many) 0 many;",
    reached: async (_, __, deployer) => {
      await deployer.output("until pgrep -x nix; do sleep 0.1; done");
      await pause(1000);
    },
    onHost: false,
  },
  building: {
    spec: {},
    behaviour: `ordinary = _: { toplevel = ordinary: derivation {
      name = "never-built"; inherit (ordinary) system; builder = "/bin/sh"; args = [ "-c" "PATH=/usr/bin:/bin; sleep 1000; sleep 1000" ];
    }; };`,
    reached: shows('"stage":"build"'),
    onHost: false,
  },
  copying: { spec: { payloadKiB: 300_000 }, mbit: 50, reached: shows('"stage-progress"'), onHost: false },
  activating: {
    spec: { behaviour: "slow", arguments: { seconds: 12 } },
    reached: (host) => untilState(host, "activating"),
    onHost: true,
  },
  confirming: {
    spec: { behaviour: "interrupts-network", arguments: { seconds: 13 }, bungee: { confirmation: { timeout: 20 } } },
    reached: (host) => untilState(host, "awaiting-confirmation"),
    onHost: true,
  },
};

describe("P19: an interruption leaves nothing behind, whenever and however it comes", { skip }, () => {
  for (const [stage, { spec, behaviour, mbit, reached, onHost }] of Object.entries(STAGES)) {
    test(`while ${stage}`, { concurrency: true }, async (t) => {
      const ways = Object.entries(WAYS);
      await using scene = await Scene.open({ hosts: ways.map((_, index) => `web${index + 1}`) });
      await Promise.all(
        ways.map(([way, signals], index) =>
          t.test(way, async () => {
            const host = scene.host(`web${index + 1}`);
            const deployer = await scene.lab.workstation();
            const before = await host.triple();
            if (mbit) await host.limit({ mbit });
            const bungee = { activation: { timeout: 60 }, confirmation: { timeout: 8 }, ...spec.bungee };
            await writeFleet(deployer.path(FLAKE), { nodes: { [host.name]: { version: "2", ...spec, bungee } } });
            if (behaviour) replaceOrdinary(deployer, behaviour);
            const files = await leftovers(deployer);
            const running = deployer.spawn(["bungee", "deploy", host.name, "--report", "json"], { cwd: FLAKE });
            await reached(host, running, deployer);
            const deployment = await interrupt(running, signals);

            assert.deepEqual(await processes(deployer), [], "no child survives");
            assert.equal(await leftovers(deployer), files);
            assert.equal(deployment.code, 130, deployment.stdout + deployment.stderr);
            const left = LEAVES.includes(way);
            const ends = onHost ? (left ? "unknown" : "confirmed") : "skipped";
            assert.equal(ending(deployment, host.name), ends, deployment.stdout);
            if (left) assert.match(deployment.stderr, onHost ? /left at once: hosts in activation decide/ : /(?:)/);
            await untilQuiet(host);
            const now = await host.triple();
            if (onHost && !left) assert.deepEqual([now.profile, now.bootDefault], [now.running, now.running]);
            else assert.deepEqual(now, before);
            assert.equal(await host.output("cat /run/app/version"), onHost && !left ? "2" : "1");
          }),
        ),
      );
    });
  }

  test("at a terminal, Ctrl-C twice: the summary says which host is left to itself, and the terminal is as it was", async () => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    const host = scene.host("web1");
    const before = await host.triple();
    await scene.write({ web1: { version: "2", behaviour: "slow", arguments: { seconds: 8 } } });
    const deploy = "stty columns 120 rows 30; exec bungee deploy web1 --yes";
    const terminal = ["script", "--quiet", "--return", "--flush", "--command", deploy, "/dev/null"];
    const running = scene.deployer.spawn(terminal, { cwd: FLAKE });
    await untilState(host, "activating");
    running.child.stdin?.write("\x03");
    while (running.alive && !running.stdout.includes("nothing new is started")) await pause(50);
    running.child.stdin?.write("\x03");
    const { code, stdout } = await running.result;
    assert.equal(code, 130, stdout);
    const screen = stripVTControlCharacters(stdout);
    assert.match(screen, /web1 +unknown[\s\S]*the host decides for itself/);
    assert.match(screen, /left at once/);
    assert.equal(stdout.lastIndexOf("\x1b[?25h") >= stdout.lastIndexOf("\x1b[?25l"), true, "the cursor is there again");
    assert.deepEqual(await processes(scene.deployer), []);
    await untilQuiet(host);
    assert.deepEqual(await host.triple(), before);
  });
});

/** Sends the signals for as long as there is somebody to hear them. */
async function interrupt(running: Running, signals: readonly (NodeJS.Signals | number)[]): Promise<Deployment> {
  for (const signal of signals) {
    if (!running.alive) break;
    if (typeof signal === "number") await Promise.race([pause(signal), running.result]);
    else await running.kill(signal);
  }
  return await finish(running);
}

/** What the report's last line says of the host; a deployment that never began says it of itself. */
function ending({ events, outcomes, stdout }: Deployment, node: string): string | undefined {
  const last = events.at(-1);
  if (last?.type === "command-failed") return last.error.code === "interrupted" ? "skipped" : last.error.code;
  assert.equal(last?.type, "deployment-finished", stdout);
  return outcomes[node]?.kind;
}

/** All that runs on the deployer, apart from what it was born with. Who was killed this very moment has a moment to be gone. */
async function processes(deployer: Workstation): Promise<string[]> {
  for (const patience of [50, 200, 1000, 0]) {
    const listing = await deployer.output(["ps", "-eo", "args="]);
    const others = listing
      .split("\n")
      .filter((line) => !/^(tini -- )?sleep infinity$|^ps -eo args=$/.test(line.trim()));
    if (patience === 0 || others.every((line) => !line.startsWith("["))) return others;
    await pause(patience);
  }
  return [];
}

/** Sockets, files and roots, where bungee or nix could leave any. What the lab itself shares with a workstation is another file system. */
const leftovers = (deployer: Workstation) =>
  deployer.output(
    "find /tmp /run /root/.local/state/bungee -xdev -mindepth 1 -not -path '*/gcroots' 2>/dev/null | sort || :",
  );

function replaceOrdinary(deployer: Workstation, behaviour: string): void {
  const file = deployer.path(`${FLAKE}/behaviours.nix`);
  writeFileSync(file, readFileSync(file, "utf8").replace("ordinary = _: { };", behaviour));
}
