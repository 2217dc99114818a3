import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it, test } from "node:test";
import { connect } from "../../../src/host/dial.ts";
import { writeLoginFiles } from "../../../src/host/login-files.ts";
import { noSshd, TestSshd } from "./sshd.ts";
import { TRANSPORTS } from "./visit.ts";

const KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

test("files that only their owner can read, in a directory that only it can enter", async () => {
  const before = process.umask(0);
  try {
    await using files = await writeLoginFiles({ key: KEY, knownHosts: "web1 ssh-ed25519 AAAA" });
    const directory = dirname(files.configFile);
    assert.equal(modeOf(directory), "700");
    assert.deepEqual(readdirSync(directory).toSorted(), ["config", "key", "known_hosts"]);
    for (const name of readdirSync(directory)) assert.equal(modeOf(join(directory, name)), "600", name);
    assert.deepEqual(readFileSync(files.configFile, "utf8").split("\n").slice(0, 5), [
      "StrictHostKeyChecking yes",
      "UpdateHostKeys no",
      `IdentityFile ${files.identityFile}`,
      "IdentitiesOnly yes",
      `UserKnownHostsFile ${join(directory, "known_hosts")}`,
    ]);
  } finally {
    process.umask(before);
  }
});

test("a form's carriage returns and lost newline are mended", async () => {
  await using files = await writeLoginFiles({ key: `\n${KEY.trim().replaceAll("\n", "\r\n")}` });
  assert.equal(readFileSync(files.identityFile!, "utf8"), KEY);
});

test("in memory, where there is a directory that is", async () => {
  await using files = await writeLoginFiles({ key: KEY });
  const here = "/dev/shm";
  if (existsSync(here) && statfsSync(here).type === 0x01021994) {
    assert.equal(statfsSync(files.identityFile!).type, 0x01021994, files.identityFile);
  }
});

test("nothing given: the check of host keys is demanded all the same, before what other settings say", async () => {
  const other = join(tmpdir(), "other");
  await using files = await writeLoginFiles({}, other);
  assert.equal(files.identityFile, undefined);
  assert.equal(
    readFileSync(files.configFile, "utf8"),
    `StrictHostKeyChecking yes\nUpdateHostKeys no\nInclude "${other}"\n`,
  );
});

test("gone with their disposal", async () => {
  const files = await writeLoginFiles({ key: KEY });
  const directory = dirname(files.configFile);
  await files[Symbol.asyncDispose]();
  assert.ok(!existsSync(directory));
});

/** Runs a process that writes the files, tells where, and comes to its end in this way. */
async function leftBy(end: string, signal?: NodeJS.Signals): Promise<boolean> {
  const module = (path: string) => JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href);
  const script = `
    import { writeLoginFiles } from ${module("host/login-files.ts")};
    import { withReporter } from ${module("commands/reporting.ts")};
    const reporter = { event() {}, withTerminal: (talk) => talk(), async close() {} };
    await withReporter(reporter, async (_emit, { signal }) => {
      await using files = await writeLoginFiles({ key: ${JSON.stringify(KEY)} });
      console.log(files.identityFile);
      ${end}
    });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "ignore"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const path = String(await new Promise((resolve) => child.stdout.once("data", resolve))).trim();
  assert.match(path, /^\/.*\/bungee-\w+\/key$/);
  if (signal) {
    assert.ok(existsSync(path));
    child.kill(signal);
  }
  await ended;
  const left = existsSync(dirname(path));
  rmSync(dirname(path), { recursive: true, force: true });
  return left;
}

const untilAborted =
  'const alive = setInterval(() => {}, 1000); await new Promise((resolve) => signal.addEventListener("abort", resolve)); clearInterval(alive);';
const forEver = "await new Promise((resolve) => setTimeout(resolve, 600_000));";

describe("gone, however the process ends", () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    it(`by ${signal}, which stops the work`, async () => assert.equal(await leftBy(untilAborted, signal), false));
  }
  it("by a second signal, which leaves at once", async () => {
    const again = `signal.addEventListener("abort", () => process.kill(process.pid, "SIGTERM")); ${forEver}`;
    assert.equal(await leftBy(again, "SIGTERM"), false);
  });
  it("by an error", async () => assert.equal(await leftBy('throw new Error("no")'), false));
  it("by an error that nobody caught", async () => {
    assert.equal(await leftBy(`setTimeout(() => { throw new Error("no"); }, 50); ${forEver}`), false);
  });
  it("by leaving at once", async () => assert.equal(await leftBy("process.exit(130);"), false));
  it("by KILL it stays: nobody can do anything any more", async () => {
    assert.equal(await leftBy(forEver, "SIGKILL"), true);
  });
});

for (const ssh of TRANSPORTS) {
  describe(`a login with them, by ${ssh}`, { skip: noSshd }, () => {
    let sshd: TestSshd;
    let directory: string;
    before(async () => {
      sshd = await TestSshd.start();
      directory = mkdtempSync(join(tmpdir(), "bungee-login-"));
      sshd.makeKey("other");
    });
    after(() => {
      rmSync(directory, { recursive: true });
      sshd[Symbol.dispose]();
    });

    /** What the runner's own ssh_config says; it would let any host in, and has no key of use. */
    async function logIn(given: Parameters<typeof writeLoginFiles>[0]): Promise<unknown> {
      const own = join(directory, "own");
      const lines = ["Host web", "HostName 127.0.0.1", `Port ${sshd.port}`, `User ${sshd.user}`];
      writeFileSync(own, [...lines, "StrictHostKeyChecking no", `IdentityFile ${sshd.path("other")}`, ""].join("\n"));
      await using files = await writeLoginFiles(given, own);
      const before = process.env.BUNGEE_SSH_CONFIG;
      process.env.BUNGEE_SSH_CONFIG = files.configFile;
      try {
        const { identityFile } = files;
        const connection = await connect({ node: "web1", addresses: ["web"], identityFile, ssh });
        const { stdout } = await connection.run({ argv: ["echo", "in"] });
        await connection.close();
        return stdout;
      } catch (error) {
        return (error as { code: string }).code;
      } finally {
        if (before === undefined) delete process.env.BUNGEE_SSH_CONFIG;
        else process.env.BUNGEE_SSH_CONFIG = before;
      }
    }

    const key = () => readFileSync(sshd.path("id"), "utf8");
    it("gets in by the key, where the host is known", async () => {
      assert.equal(await logIn({ key: key().trim(), knownHosts: sshd.knownHost().trim() }), "in\n");
    });
    it("gets nowhere where the host is not known, whatever the runner's settings say", async () => {
      assert.equal(await logIn({ key: key(), knownHosts: "elsewhere ssh-ed25519 AAAA" }), "host-key");
    });
    it("gets nowhere without the key", async () => {
      assert.equal(await logIn({ knownHosts: sshd.knownHost() }), "login");
    });
  });
}
