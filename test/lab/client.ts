/** Speaks to the lab by hand, which runs in the background (byhand.ts), and starts it. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { places, type Reply, type Request } from "./byhand.ts";
import { prepare } from "./enter.ts";
import { ended, LabError } from "./exec.ts";
import { childrenOf } from "./processes.ts";
import { nsenterArgv } from "./sandbox.ts";

/** Has a request answered; undefined if no lab is running. */
export async function ask(request: Request): Promise<Reply | undefined> {
  const socket = connect(places().socket);
  const connected = await new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  });
  if (!connected) return undefined;
  socket.write(`${JSON.stringify(request)}\n`);
  const line = await text(socket).catch(() => "");
  return line === "" ? { say: "" } : (JSON.parse(line) as Reply);
}

/** Starts the lab in the background, and resolves when it answers. */
export async function startLab(): Promise<void> {
  await prepare();
  const { log, socket } = places();
  mkdirSync(dirname(log), { recursive: true });
  const output = openSync(log, "a");
  const argv = [join(import.meta.dirname, "cli.ts"), "serve"];
  const child = spawn(process.execPath, argv, { detached: true, stdio: ["ignore", output, output], cwd: "/" });
  closeSync(output);
  child.unref();
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(20)) {
    if (await answers(socket)) return;
    if (child.exitCode !== null) break;
  }
  throw new LabError(`the lab does not start: see ${log}`);
}

/** Runs a command in the sandbox of the running lab, with our terminal. */
export async function inLab(argv: readonly string[]): Promise<number> {
  const init = childrenOf(Number(readFileSync(places().pid, "utf8")))[0];
  if (init === undefined) throw new LabError("the lab has just ended");
  const [program, ...args] = nsenterArgv(init, argv);
  return (await ended(spawn(program!, args, { stdio: "inherit" }), "exit")).code;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
