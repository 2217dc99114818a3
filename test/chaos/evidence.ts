/** What is found on a host when a run of chaos is over: everything that the invariant speaks of. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Host } from "../lab/host.ts";
import type { Triple } from "../lab/state.ts";

const STATE = "/var/lib/bungee";
const ROOTS = "/nix/var/nix/gcroots/bungee";

/** A run as its directory on the host tells it. */
export interface RunRecord {
  readonly id: string;
  /** Names in `state/`; one, if all is well. */
  readonly states: readonly string[];
  readonly action: string;
  readonly release: string;
  readonly why: string;
  /** It was to reboot the host into the release. */
  readonly reboot: boolean;
  readonly recorded: Triple | undefined;
}

export interface HistoryLine {
  readonly run: string;
  readonly state: string;
  readonly action: string;
  readonly release: string;
  readonly why: string | null;
}

export interface HostEvidence {
  readonly triple: Triple;
  /** How often it was started so far. */
  readonly boots: number;
  /** What holds it: the target of the lock. */
  readonly lock: string | null;
  /** Units of a run that systemd still knows. */
  readonly units: readonly string[];
  /** GC roots: name → target. */
  readonly roots: Readonly<Record<string, string>>;
  /** Files that nobody needs any more. */
  readonly strays: readonly string[];
  /** Lines that are no JSON are undefined. */
  readonly history: readonly (HistoryLine | undefined)[];
  readonly runs: readonly RunRecord[];
  /** Directories of runs that never had the lock: the next run sweeps what a reset has left of them. */
  readonly halfRuns: readonly string[];
  /** Of the units that every system has, those that do not run. */
  readonly dead: readonly string[];
  /** Whatever app.service of the running system has written. */
  readonly version: string;
}

/** The units that run on every host that is well. */
const ALIVE = ["app.service", "bystander.service", "ssh.service", "network-lab.service"];

const LOOK = `
systemctl list-units --all --plain --no-legend --full 'bungee-*' 'nixos-rebuild-*' | sed 's/^/unit /'
systemctl show --property=Id,ActiveState ${ALIVE.join(" ")} | sed -n 's/^ActiveState=/state /p; s/^Id=/of /p'
find /etc/systemd/system.control -name 'bungee-*' 2>/dev/null | sed 's/^/unit /'
find /boot/firmware -size +0 -name LoaderEntryOneShot 2>/dev/null | sed 's/^/stray /'
[ ! -e /boot/grub/grubenv ] || grub-editenv /boot/grub/grubenv list | sed 's/^/stray grubenv /'
find /tmp /var/tmp /run /run/systemd/transient /root /nix/var/nix/profiles -maxdepth 1 -name '*bungee*' | sed 's/^/stray /'
echo "version $(cat /run/app/version 2>/dev/null || :)"`;

/** What a later look is compared with. */
export type Before = Pick<HostEvidence, "triple" | "boots" | "history" | "runs" | "halfRuns">;

export async function gatherBefore(host: Host): Promise<Before> {
  const { running, profile, bootDefault } = await host.triple();
  const found = runsOf(host);
  return {
    triple: { running, profile, bootDefault },
    boots: host.boots,
    history: historyOf(host),
    runs: found.filter((run) => !isHalf(run, lockOf(host))),
    halfRuns: found.filter((run) => isHalf(run, lockOf(host))).map(({ id }) => id),
  };
}

export async function gather(host: Host): Promise<HostEvidence> {
  const [before, said] = await Promise.all([gatherBefore(host), host.output(LOOK)]);
  const lines = said.split("\n");
  const told = (kind: string) =>
    lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.slice(kind.length + 1));
  return {
    ...before,
    lock: lockOf(host),
    units: told("unit"),
    roots: rootsOf(host),
    strays: [...told("stray"), ...straysOf(host)],
    dead: told("of").filter((_, index) => told("state")[index] !== "active"),
    version: told("version")[0] ?? "",
  };
}

/** The run that holds the host, as `runs/<id>`. */
export function lockOf(host: Host): string | null {
  try {
    return readlinkSync(host.disk.path(`${STATE}/current`));
  } catch {
    return null;
  }
}

/** The state of the run that holds the host, or that held it last; undefined before there was one. */
export function stateOf(host: Host, lock: string | null = lockOf(host)): string | undefined {
  return lock === null ? undefined : list(host, `${STATE}/${lock}/state`)[0];
}

/** What a path of the host has in it; nothing if it is not there. */
function list(host: Host, path: string): string[] {
  try {
    return readdirSync(host.disk.path(path)).sort();
  } catch {
    return [];
  }
}

function read(host: Host, path: string): string {
  try {
    return readFileSync(host.disk.path(path), "utf8");
  } catch {
    return "";
  }
}

function rootsOf(host: Host): Record<string, string> {
  const target = (name: string) => {
    const path = host.disk.path(`${ROOTS}/${name}`);
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : "no link";
  };
  return Object.fromEntries(list(host, ROOTS).map((name) => [name, target(name)]));
}

/** In the state directory, what is no run, no history and no lock. */
function straysOf(host: Host): string[] {
  return list(host, STATE)
    .filter((name) => !["runs", "history", "current"].includes(name))
    .map((name) => `${STATE}/${name}`);
}

function historyOf(host: Host): (HistoryLine | undefined)[] {
  const lines = read(host, `${STATE}/history`).split("\n");
  // What follows the last newline is half a line, if it is anything.
  return lines.filter((line, index) => line !== "" || index < lines.length - 1).map(historyLine);
}

function historyLine(text: string): HistoryLine | undefined {
  try {
    return JSON.parse(text) as HistoryLine;
  } catch {
    return undefined;
  }
}

const isHalf = ({ id, states }: RunRecord, lock: string | null) =>
  id.startsWith(".") || (states[0] === "beginning" && lock !== `runs/${id}`);

function runsOf(host: Host): RunRecord[] {
  return list(host, `${STATE}/runs`).map((id) => {
    const run = `${STATE}/runs/${id}`;
    const value = (name: string) => read(host, `${run}/${name}`).trim();
    return {
      id,
      states: list(host, `${run}/state`),
      action: value("action"),
      release: value("release"),
      why: value("why"),
      reboot: value("reboot") === "yes",
      recorded: tripleOf(value("recorded")),
    };
  });
}

function tripleOf(text: string): Triple | undefined {
  try {
    return JSON.parse(text) as Triple;
  } catch {
    return undefined;
  }
}
