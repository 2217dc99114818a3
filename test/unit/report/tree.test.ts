/** The tree in a real terminal: tmux has one, and says what a person would see. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runLocal } from "../../../src/process.ts";

const REPLAY = fileURLToPath(new URL("./replay.ts", import.meta.url));
const socket = `bungee-tree-${randomBytes(4).toString("hex")}`;
const found = await runLocal({ argv: ["sh", "-c", "command -v tmux"] });
const skip = found.code === 0 ? false : "tmux is not installed";

const tmux = async (...argv: string[]): Promise<string> =>
  (await runLocal({ argv: ["tmux", "-L", socket, "-f", "/dev/null", ...argv] }, { env: { TMUX: undefined } })).stdout;

after(async () => {
  if (!skip) await tmux("kill-server");
});

class Terminal {
  readonly #name: string;
  private constructor(name: string) {
    this.#name = name;
  }

  static async open(columns: number, rows: number, ...args: string[]): Promise<Terminal> {
    const name = randomBytes(4).toString("hex");
    const command = `trap : INT; '${process.execPath}' --no-warnings '${REPLAY}' ${args.join(" ")}; echo "[exit $?]"; exec cat`;
    await tmux(
      "new-session",
      "-d",
      "-s",
      name,
      "-x",
      `${columns}`,
      "-y",
      `${rows}`,
      "env",
      "-u",
      "CI",
      "sh",
      "-c",
      command,
    );
    return new Terminal(name);
  }

  /** What is on the screen. */
  async screen(): Promise<string> {
    return (await tmux("capture-pane", "-p", "-t", this.#name)).trimEnd();
  }

  /** With what has been scrolled off. */
  async all(): Promise<string> {
    return (await tmux("capture-pane", "-p", "-J", "-S", "-", "-t", this.#name)).trimEnd();
  }

  async until(text: string): Promise<string> {
    for (let tries = 0; tries < 600; tries++) {
      const screen = await this.screen();
      if (screen.includes(text)) return screen;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.fail(`${JSON.stringify(text)} never came:\n${await this.all()}`);
  }

  async type(...keys: string[]): Promise<void> {
    await tmux("send-keys", "-t", this.#name, ...keys);
  }

  async cursorIsShown(): Promise<boolean> {
    return (await tmux("display-message", "-p", "-t", this.#name, "#{cursor_flag}")).trim() === "1";
  }
}

for (const columns of [80, 200]) {
  test(`at ${columns} columns: rows while it runs, and at the end what is worth keeping`, { skip }, async () => {
    const terminal = await Terminal.open(columns, 50, "3");
    const running = await terminal.until("line 100");
    assert.match(running, /^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏|/\\-] host1 {2}activating {5}\d\.\d s {7}line 100/m);
    await terminal.until("[exit 0]");
    const lines = (await terminal.all()).split("\n");
    // Nothing of the drawing is left, and nothing is there twice.
    assert.equal(lines.filter((line) => line.includes("activating")).length, 0);
    assert.deepEqual(lines.slice(0, 2), [
      "nix │ warning: Git tree is dirty",
      "host2 said (the last 30 of 100 lines; --verbose shows all):",
    ]);
    assert.deepEqual(
      lines.slice(2, 32),
      Array.from({ length: 30 }, (_, index) => `  │ line ${index + 71}`),
    );
    assert.deepEqual(lines.slice(32, 37), [
      "",
      "host1  confirmed    0.7 s  runs and boots nixos-system-host1-25.05 (0123456)",
      "host3  confirmed    0.7 s  runs and boots nixos-system-host3-25.05 (0123456)",
      "host2  rolled back  0.7 s  no confirmation came within 30 s",
      "    │ last of 9 tries to confirm: cannot reach web2: 10.77.0.12 port 22: connection timed out",
    ]);
    assert.deepEqual(lines.slice(-3), [
      "3 hosts in 1.0 s: 2 confirmed, 1 rolled back",
      "exit 1: not every host is as wanted; each is in a known good state",
      "[exit 0]",
    ]);
    assert.ok(await terminal.cursorIsShown());
  });
}

test("thirty hosts on twelve rows: the rest is counted", { skip }, async () => {
  const terminal = await Terminal.open(80, 12, "30");
  const running = await terminal.until("activating");
  assert.match(running, /more hosts: /);
  assert.ok(running.split("\n").length <= 12);
  await terminal.until("[exit 0]");
  assert.match(await terminal.all(), /^30 hosts in 1\.0 s: 29 confirmed, 1 rolled back$/m);
});

test("a question has the terminal for itself", { skip }, async () => {
  const terminal = await Terminal.open(80, 40, "2", "ask");
  const asking = await terminal.until("go?");
  assert.match(asking, /^plan: 1 to deploy, 1 unchanged, 1 to skip, 1 failed$/m);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(await terminal.screen(), asking, "something was drawn over the question");
  await terminal.type("yes", "Enter");
  await terminal.until("activating");
  await terminal.until("[exit 0]");
  assert.match(await terminal.all(), /^go\? yes\n\[answered yes\]\nnix │ warning: meanwhile$/m);
});

test("Ctrl-C is told at once, and stays told", { skip }, async () => {
  const terminal = await Terminal.open(80, 50, "2");
  await terminal.until("activating");
  await terminal.type("C-c");
  await terminal.until("⚠ Ctrl-C: nothing new is started");
  await terminal.until("[exit 0]");
  assert.match(await terminal.all(), /^Ctrl-C: nothing new is started$/m);
});

test("leaving in the middle gives the cursor back, and what was said on stderr", { skip }, async () => {
  const terminal = await Terminal.open(80, 24, "2", "leave");
  await terminal.until("activating");
  assert.ok(!(await terminal.cursorIsShown()));
  assert.match(await terminal.until("[exit 130]"), /^left at once$/m);
  assert.ok(await terminal.cursorIsShown());
});

test("--verbose prints every line above the rows", { skip }, async () => {
  const terminal = await Terminal.open(80, 24, "2", "verbose");
  await terminal.until("[exit 0]");
  const lines = (await terminal.all()).split("\n");
  for (const host of ["host1", "host2"]) {
    assert.deepEqual(
      lines.filter((line) => line.startsWith(`${host} │ `)),
      Array.from({ length: 100 }, (_, index) => `${host} │ line ${index + 1}`),
    );
  }
});
