/** The activator's verbs, on a real host on which one run waits and one is over: whatever they are given, nothing happens. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Activator, type BeginRequest } from "../../src/activator/activator.ts";
import { FrameReader } from "../../src/activator/frames.ts";
import { isFinal } from "../../src/activator/protocol.ts";
import { SCRIPT } from "../../src/activator/script.ts";
import type { Random } from "../chaos/random.ts";
import { assertUnchanged, Scene, skip } from "../e2e/scene.ts";
import { direct } from "../host/direct.ts";
import type { Host } from "../lab/host.ts";
import { CANARY } from "./hostile.ts";
import { BadCase, type Bench, type Target } from "./target.ts";
import { type Known, type Vector, vector } from "./vectors.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const LIVE = "20260301-120000-3f9a2c-0";
const ENDED = "20260301-110000-3f9a2c-0";
/** Where the vectors are laid down on the host. */
const FOLDER = "/root/fuzz";
/** As lab hosts have it, and as NixOS has it. */
const SHELLS = ["/bin/sh", "/bin/bash --posix"];
/** Of one word: the kernel takes no more. */
const LONGEST_WORD = 120_000;

interface Input {
  readonly shell: string;
  readonly vector: Vector;
}

/** Store paths are known once the host is there, and its cases are made before: names that do not depend on them stand for them. */
const NAMES: Known = {
  live: LIVE,
  ended: ENDED,
  token: TOKEN,
  system: `/nix/store/${"s".repeat(32)}-system`,
  otherSystem: `/nix/store/${"o".repeat(32)}-other`,
  noSystem: `/nix/store/${"n".repeat(32)}-none`,
};

function generate(random: Random): Input {
  const { argv, stdin } = vector(random, NAMES);
  return { shell: random.pick(SHELLS), vector: { argv: harmless(argv), stdin } };
}

/** Without what root may well ask for: systemd's verbs for a run that is there, and to follow what does not end. */
function harmless(argv: readonly string[]): readonly string[] {
  const verb = verbOf(argv);
  if (["run", "guard", "switch-ended"].includes(verb)) {
    return argv.map((word) => ([LIVE, ENDED].includes(word) ? "run-of-nobody" : word));
  }
  // A command is what root may have run as a health check.
  if (argv.includes("check")) return argv.map((word) => (word === "command" ? "unit" : word));
  if (verb === "follow") return argv.map((word) => (word === "awaiting-confirmation" ? "committed" : word));
  return argv;
}

/** `restricted` stands before the verb, as for a deploy user. */
const verbOf = (argv: readonly string[]) => (argv[0] === "restricted" ? argv[1] : argv[0]) ?? "";

class Lab implements Bench<Input> {
  readonly #scene: Scene;
  readonly #host: Host;
  readonly #paths: Readonly<Record<string, string>>;

  private constructor(scene: Scene, paths: Readonly<Record<string, string>>) {
    this.#scene = scene;
    this.#host = scene.host("web1");
    this.#paths = paths;
  }

  static async open(): Promise<Lab> {
    const scene = await Scene.open({ hosts: ["web1"] });
    const host = scene.host("web1");
    const paths = {
      [NAMES.system]: await scene.deliver("web1", { version: "2" }),
      [NAMES.otherSystem]: await scene.deliver("web1", { version: "2", behaviour: "other-host" }),
      [NAMES.noSystem]: await scene.deliver("web1", { version: "2", behaviour: "not-nixos" }),
    };
    const activator = new Activator(direct(host));
    const begin = async (more: Pick<BeginRequest, "run" | "action">) => {
      const release = paths[NAMES.system]!;
      let status = await activator.begin({ ...request, release, ...more });
      while (!["awaiting-confirmation"].includes(status.state)) {
        assert.ok(!isFinal(status.state), `the run ended ${status.state}: ${status.message}`);
        status = await activator.follow(status.run, { offset: 0 }, status.state, () => {});
      }
    };
    await begin({ run: ENDED, action: "test" });
    let status = await activator.confirm(ENDED, TOKEN);
    while (!isFinal(status.state)) status = await activator.follow(ENDED, { offset: 0 }, status.state, () => {});
    await begin({ run: LIVE, action: "switch" });
    await host.output(`
      printf '#!/bin/sh\\ntouch ${CANARY}\\n' >/usr/local/bin/bungee-canary
      chmod +x /usr/local/bin/bungee-canary
      mkdir -p ${FOLDER}`);
    writeFileSync(host.disk.path(`${FOLDER}/activator`), SCRIPT);
    return new Lab(scene, paths);
  }

  async check(inputs: readonly Input[]): Promise<void> {
    const before = await this.#state();
    const answers = await this.#run(inputs);
    const after = await this.#state();
    for (const [index, { vector }] of inputs.entries()) {
      try {
        judge(verbOf(vector.argv), answers[index]!);
      } catch (error) {
        throw new BadCase(index, error);
      }
    }
    if (before === after) return;
    if (inputs.length === 1) assertUnchanged(before, after);
    // One of them changed the host; the host is another now, but what did it once most often does it again.
    await this.#host.output("rm -rf /tmp/bungee-fuzz*");
    for (const [index, input] of inputs.entries()) {
      await this.check([input]).catch((error: unknown) => {
        throw new BadCase(index, error);
      });
    }
    assertUnchanged(before, after);
  }

  /** All that a deploy may change, and all that a payload would leave. Staging may be asked for, and is the one thing that is not counted. */
  async #state(): Promise<string> {
    const snapshot = await this.#host.snapshot();
    const traces = await this.#host.output(`ls -dA /* /tmp/* /root/* ${FOLDER}/cwd/* 2>/dev/null || true`);
    return `${snapshot}\n${traces}`.replace(/^nix\/var\/nix\/gcroots\/bungee\/staged .*\n/gm, "");
  }

  async #run(inputs: readonly Input[]): Promise<Answer[]> {
    const folder = this.#host.disk.path(FOLDER);
    for (const name of ["in", "out", "err", "code", "cwd"]) {
      rmSync(`${folder}/${name}`, { recursive: true, force: true });
      mkdirSync(`${folder}/${name}`);
    }
    const real = (word: string) =>
      Object.entries(this.#paths).reduce((text, [name, path]) => text.replaceAll(name, path), word);
    const lines = inputs.map(({ shell, vector: { argv, stdin } }, index) => {
      writeFileSync(`${folder}/in/${index}`, stdin, "latin1");
      const words = argv.map((word) => `'${real(word).slice(0, LONGEST_WORD).replaceAll("'", "'\\''")}'`);
      return `try ${index} '${shell}' ${words.join(" ")}`;
    });
    writeFileSync(`${folder}/cases`, `${TRY}${lines.join("\n")}\n`, "latin1");
    await this.#host.output(["env", "LC_ALL=C", "bash", `${FOLDER}/cases`]);
    return inputs.map((_, index) => ({
      code: Number(readFileSync(`${folder}/code/${index}`, "utf8")),
      stdout: readFileSync(`${folder}/out/${index}`),
      stderr: readFileSync(`${folder}/err/${index}`, "utf8"),
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scene[Symbol.asyncDispose]();
  }
}

const request = {
  token: TOKEN,
  activationTimeout: 60,
  confirmationTimeout: 86_400,
  rollback: true,
  anyHost: false,
  requireSignature: false,
  reboot: "no",
  mayReboot: true,
  allowFailedUnits: false,
  actor: "fuzz",
} as const;

/** Runs one vector. The shell that reads this knows bytes only; the activator is given the locale that hosts have. */
const TRY = `cd ${FOLDER}/cwd || exit
try() {
  number=$1 shell=$2
  shift 2
  LC_ALL= LANG=C.UTF-8 timeout --kill-after=1 30 $shell ../activator "$@" <../in/$number >../out/$number 2>../err/$number
  echo $? >../code/$number
}
`;

interface Answer {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

const CODES = new Map([
  ["usage", 64],
  ["no-such-run", 66],
  ["locked", 75],
]);

/** One answer, which agrees with the exit code, and not a word from the shell. */
function judge(verb: string, { code, stdout, stderr }: Answer): void {
  assert.equal(stderr.slice(0, 500), "", `exit ${code}, and something on stderr`);
  assert.ok([0, 64, 65, 66, 75].includes(code), `exit ${code}: ${stdout.toString().slice(0, 500)}`);
  const frames = new FrameReader(0, () => {});
  frames.push(stdout);
  const lines = frames.rest().split("\n").slice(0, -1);
  const forSystemd = ["run", "guard", "switch-ended"].includes(verb) && code === 0;
  const talks = verb === "dry-activate" && code === 0;
  if (talks) lines.splice(0, lines.length - 1);
  assert.equal(
    lines.length,
    forSystemd ? 0 : 1,
    `${lines.length} lines instead of one: ${JSON.stringify(lines).slice(0, 500)}`,
  );
  if (forSystemd) return;
  const answer = JSON.parse(lines[0]!);
  assert.equal(answer.protocol, 2);
  const expected = answer.error === undefined ? 0 : (CODES.get(answer.error) ?? 65);
  assert.equal(code, expected, `exit ${code} after ${lines[0]!.slice(0, 500)}`);
}

export const activator: Target<Input> = {
  name: "activator",
  share: 1000,
  atOnce: 250,
  skip,
  generate,
  open: () => Lab.open(),
};
