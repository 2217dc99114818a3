/** Can this machine have a lab? Otherwise: what exactly stands in the way, in one line. */
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { cgroupBase } from "./cgroup.ts";
import { inSandbox, sandboxCgroup } from "./sandbox.ts";

export type Verdict = { ok: true } | { ok: false; why: string };

/** Debian's package for each program that the lab runs on the machine itself. */
const tools = {
  unshare: "util-linux",
  setpriv: "util-linux",
  ip: "iproute2",
  tc: "iproute2",
  nft: "nftables",
  ssh: "openssh-client",
  tini: "tini",
  mmdebstrap: "mmdebstrap",
};
const rootlessTools = { newuidmap: "uidmap" };
const directories = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"];

/** The packages that a Debian machine needs for a lab and does not have. */
function missingPackages(): string[] {
  const wanted = Object.entries(asRoot() ? tools : { ...tools, ...rootlessTools });
  const missing = wanted.filter(([tool]) => !directories.some((directory) => existsSync(join(directory, tool))));
  return [...new Set(missing.map(([, name]) => name))];
}

/** Tries everything that a lab is made of, except booting a host: some 0.1 s; in a sandbox the answer is known. */
export async function probe(): Promise<Verdict> {
  if (sandboxCgroup()) return { ok: true };
  const why = preconditions() ?? (await trial());
  return why === undefined ? { ok: true } : { ok: false, why };
}

/** What can be seen without trying. */
function preconditions(): string | undefined {
  const packages = missingPackages();
  if (packages.length > 0) return `programs are missing: apt-get install --no-install-recommends ${packages.join(" ")}`;
  const user = userInfo().username;
  if (!asRoot() && !new RegExp(`^(${user}|${process.getuid?.()}):`, "m").test(subordinateIds())) {
    return `${user} has no subordinate ids: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${user}`;
  }
  const cgroup = cgroupBase();
  if (!cgroup) return "no cgroup2 file system is mounted";
  try {
    for (const path of [cgroup, join(cgroup, "cgroup.procs")]) accessSync(path, constants.W_OK);
  } catch {
    const mend = asRoot() ? "" : ": run under systemd-run --user --scope --property=Delegate=yes";
    return `the cgroup ${cgroup} is not ours to divide${mend}`;
  }
  return undefined;
}

/** Builds up a sandbox and tears it down again; its last word tells what it could not do. */
async function trial(): Promise<string | undefined> {
  let said = "";
  const argv = ["sh", join(import.meta.dirname, "probe.sh")];
  const code = await inSandbox(argv, { stdio: "ignore", stderr: (text) => (said += text) });
  if (code === 0) return undefined;
  return said.trim().split("\n").at(-1) || `the sandbox ended with exit code ${code}`;
}

function subordinateIds(): string {
  return existsSync("/etc/subuid") ? readFileSync("/etc/subuid", "utf8") : "";
}

function asRoot(): boolean {
  return process.getuid?.() === 0;
}
