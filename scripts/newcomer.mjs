#!/usr/bin/env node
// From a fresh clone to a running script: npm packages, what Debian packages are missing, then the script on the pinned Node.
// Runs on whatever Node the machine has, before anything is installed: no dependency, no TypeScript.
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SCRIPTS = {
  test: "scripts/test.ts",
  check: "scripts/check.ts",
  demo: "scripts/demo.ts",
  bench: "scripts/bench.ts",
  picture: "scripts/picture.ts",
  chaos: "test/chaos/main.ts",
  lab: "test/lab/cli.ts",
};

/** Programs that the lab and the tests run, and the Debian packages they come in. */
const PROGRAMS = {
  unshare: "util-linux",
  ip: "iproute2",
  nft: "nftables",
  mmdebstrap: "mmdebstrap",
  tini: "tini",
  nix: "nix-bin",
  ssh: "openssh-client",
  sshd: "openssh-server",
  sudo: "sudo",
  git: "git",
  shellcheck: "shellcheck",
  tmux: "tmux",
  fish: "fish",
  python3: "python3",
  // Without it Debian 12 cannot tell that Debian 13 is what it says.
  "/usr/share/keyrings/debian-archive-trixie-stable.gpg": "debian-archive-keyring",
};
if (process.getuid() !== 0) PROGRAMS.newuidmap = "uidmap";

/** What only some scripts need; the others need all the rest. */
const NEEDS = { check: ["shellcheck"], test: Object.keys(PROGRAMS) };
const LAB = Object.keys(PROGRAMS).filter(
  (program) => !["sshd", "sudo", "shellcheck", "tmux", "fish", "python3"].includes(program),
);

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

function main([name, ...args]) {
  const script = SCRIPTS[name];
  if (script === undefined) fail(`usage: newcomer.mjs ${Object.keys(SCRIPTS).join("|")} [arguments]`);
  installNpmPackages();
  installPrograms(NEEDS[name] ?? LAB);
  const bin = join(root, "node_modules", ".bin");
  // sbin is not on everybody's PATH, but sshd, ip and nft live there.
  const path = [bin, process.env.PATH, "/usr/sbin", "/sbin"].join(delimiter);
  const child = spawn(join(bin, "node"), [join(root, script), ...args], {
    stdio: "inherit",
    env: { ...process.env, PATH: path },
  });
  // The terminal's Ctrl-C reaches the script by itself; we stay until it is done.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(`cannot run ${name}: ${error.message}`));
  child.on("exit", (code) => process.exit(code ?? 1));
}

function installNpmPackages() {
  const wanted = readFileSync(join(root, "package-lock.json"), "utf8");
  const marker = join(root, "node_modules", ".package-lock.json");
  const node = join(root, "node_modules", ".bin", "node");
  if (existsSync(node) && existsSync(marker) && sameVersions(wanted, readFileSync(marker, "utf8"))) return;
  say("installing npm packages (npm ci)");
  // Whatever NODE_ENV says: the pinned Node is a development dependency.
  run("npm", ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"]);
}

/** npm keeps what it installed in node_modules/.package-lock.json; optional packages of other platforms are not in there. */
function sameVersions(wanted, installed) {
  const have = JSON.parse(installed).packages;
  return Object.entries(JSON.parse(wanted).packages).every(
    ([path, entry]) => path === "" || entry.optional || have[path]?.version === entry.version,
  );
}

function installPrograms(programs) {
  const missing = programs.filter((program) => !isThere(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => PROGRAMS[program]))];
  if (!isThere("apt-get") || process.getuid() !== 0) {
    // Not the end: what needs them says so by itself, and the rest can still run.
    say(`missing: ${missing.join(", ")}; as root on Debian: apt-get install ${packages.join(" ")}`);
    return;
  }
  say(`installing through apt: ${packages.join(" ")}`);
  // Offline: no package may start a service. Whoever tries bungee did not ask for an ssh server.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", SYSTEMD_OFFLINE: "1" };
  run("apt-get", ["-qq", "update"], env);
  run("apt-get", ["-qq", "install", "--yes", "--no-install-recommends", ...packages], env);
  if (missing.includes("sshd") && isThere("systemctl")) run("systemctl", ["--quiet", "disable", "ssh.service"], env);
}

function isThere(program) {
  if (program.startsWith("/")) return existsSync(program);
  return [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function run(program, args, env = process.env) {
  // apt and npm talk on stdout; ours belongs to the script.
  const { status, error } = spawnSync(program, args, { cwd: root, env, stdio: ["ignore", 2, 2] });
  if (error || status !== 0) fail(`${program} ${args.join(" ")} failed${error ? `: ${error.message}` : ""}`);
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

main(process.argv.slice(2));
