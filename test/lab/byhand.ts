/**
 * The lab by hand: a process in a sandbox of its own that keeps a lab until it is told to stop, and does what cli.ts
 * asks for over a unix socket, one JSON line each way.
 */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { LabError } from "./exec.ts";
import type { Host } from "./host.ts";
import { type Lab, openLab } from "./lab.ts";
import { cacheDir, type Release } from "./rootfs.ts";
import { sshArgv } from "./ssh.ts";
import type { Cut } from "./wire.ts";
import type { Workstation } from "./workstation.ts";

/** What the command line was, as yargs has checked it. */
export type Request = {
  verb: string;
  term: string;
  name: string;
  names: string[];
  command: string[];
  release: Release;
  size: number;
  how: Cut;
  what: "stop" | "start";
  user: string;
  address: string;
  mbit?: number;
  ms?: number;
  pid: number;
  leave: number;
  boot: boolean;
  toplevel: string;
};
/** What is to be printed, or run in the sandbox with the caller's terminal, or what went wrong. */
export type Reply = { say: string } | { exec: string[] } | { error: string };

const dir = () => process.env.BUNGEE_LAB_BY_HAND ?? join(cacheDir(), "by-hand");
/** The socket, the log, and the file with the machine's pid of the sandbox. */
export const places = () => ({ socket: join(dir(), "socket"), log: join(dir(), "log"), pid: join(dir(), "pid") });

const workstations = new Map<Release, Promise<Workstation>>();

const verbs: Record<string, (lab: Lab, request: Request) => Promise<Reply | undefined>> = {
  up: async (lab, { names, release, size }) => {
    const hosts = names.map((name) => find(lab, name) ?? lab.host(name, { release, size: size * 2 ** 30 }));
    await Promise.all(hosts.map((host) => host.up()));
    return { say: await table(hosts) };
  },
  down: async (lab, { names }) => void (await Promise.all(names.map((name) => get(lab, name).down()))),
  remove: async (lab, { names }) => void (await Promise.all(names.map((name) => lab.remove(get(lab, name))))),
  list: async (lab) => ({ say: await table(lab.hosts) }),
  ssh: async (lab, { name, user, command }) => {
    const argv = sshArgv(lab.dir, `${user}@${get(lab, name).address}`, command.length > 0 ? command : undefined);
    return { exec: argv };
  },
  run: async (lab, { name, command, term }) => {
    return { exec: await get(lab, name).enterArgv(command.length > 0 ? command : ["bash"], { TERM: term }) };
  },
  shell: async (lab, { release, command, term }) => {
    if (!workstations.has(release)) workstations.set(release, lab.workstation({ release }));
    const workstation = await workstations.get(release)!;
    return { exec: workstation.enterArgv(command.length > 0 ? command : ["bash"], { TERM: term }) };
  },
  cut: (lab, { name, how }) => done(get(lab, name).cut(how)),
  heal: (lab, { name }) => done(get(lab, name).heal()),
  limit: (lab, { name, mbit }) => done(get(lab, name).limit(mbit === undefined ? {} : { mbit })),
  latency: (lab, { name, ms }) => done(get(lab, name).latency(ms === undefined ? {} : { ms })),
  address: (lab, { name, address }) => done(get(lab, name).changeAddress(address)),
  sshd: (lab, { name, what }) => done(what === "stop" ? get(lab, name).stopSshd() : get(lab, name).startSshd()),
  kill: (lab, { name, pid }) => done(get(lab, name).kill(pid)),
  fill: (lab, { name, leave }) => done(get(lab, name).fillDisk(leave * 2 ** 20)),
  free: (lab, { name }) => done(get(lab, name).freeDisk()),
  reset: (lab, { name, boot }) => done(get(lab, name).reset({ boot })),
  reboot: (lab, { name }) => done(get(lab, name).reboot()),
  console: async (lab, { name }) => ({ say: readFileSync(get(lab, name).console, "utf8").trimEnd() }),
  install: async (lab, { name, toplevel, release }) => {
    const workstation = await workstations.get(release);
    if (!workstation)
      throw new LabError(`there is no workstation of ${release} yet: build the system in "shell" first`);
    return done(get(lab, name).install(toplevel, workstation));
  },
};

/** Answers requests until it is killed. */
export async function serve(lab: Lab): Promise<void> {
  mkdirSync(dir(), { recursive: true });
  rmSync(places().socket, { force: true });
  const server = createServer(async (socket) => {
    socket.on("error", () => {}); // the caller may go away
    for await (const line of createInterface(socket)) {
      const request = JSON.parse(line) as Request;
      if (request.verb === "stop") process.exit(0);
      socket.end(`${JSON.stringify(await answer(lab, request))}\n`);
    }
  });
  server.listen(places().socket);
}

async function answer(lab: Lab, request: Request): Promise<Reply> {
  try {
    const reply = await verbs[request.verb]?.(lab, request);
    return reply ?? { say: "" };
  } catch (error) {
    if (!(error instanceof LabError)) console.error(error);
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

async function done(work: Promise<void>): Promise<undefined> {
  await work;
}

function find(lab: Lab, name: string): Host | undefined {
  return lab.hosts.find((host) => host.name === name);
}

function get(lab: Lab, name: string): Host {
  const host = find(lab, name);
  if (host) return host;
  throw new LabError(
    `there is no host ${name}: ${lab.hosts.map((other) => other.name).join(", ") || "none was brought up yet"}`,
  );
}

async function table(hosts: readonly Host[]): Promise<string> {
  const rows = await Promise.all(
    hosts.map(async (host) => {
      const system = host.isOn ? (await host.triple()).running : host.bootDefault();
      return [
        host.name,
        host.release,
        host.address,
        host.isOn ? "on" : "off",
        host.condition,
        system ?? "never installed",
      ];
    }),
  );
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

if (import.meta.main) await serve(await openLab({ number: 1 }));
