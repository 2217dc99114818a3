/** What ssh can do besides running a command: terminals, files, forwardings, environment, other ways to log in. */
import assert from "node:assert/strict";
import { USER } from "../deploy-user.ts";
import { type Attempt, failed, stoppedByGate, type Thief } from "./thief.ts";

const LOOT = "/root/loot";
/** Each forwarding has a port of its own: the ssh before it may listen for a moment longer, and would answer in its place. */
let port = 9977;

export const sessions: Readonly<Record<string, Attempt>> = {
  "a terminal": async (thief) => {
    const result = await thief.ssh(["-tt"], undefined, "id\n");
    assert.match(result.stderr, /PTY allocation request failed/);
    failed(result);
  },
  "a terminal for what is allowed": async (thief) => {
    const { stderr } = await thief.ssh(["-tt"], "bungee-activator facts");
    assert.match(stderr, /PTY allocation request failed/);
  },
  "scp, from the host": async (thief) => {
    for (const protocol of ["-O", "-s"]) {
      failed(await thief.local(["scp", protocol, "-B", "-i", `/root/.ssh/${USER}`, from(thief, "/etc/passwd"), LOOT]));
    }
    failed(await thief.local(["ls", LOOT]));
  },
  "scp, to the host": async (thief) => {
    for (const protocol of ["-O", "-s"]) {
      failed(
        await thief.local(["scp", protocol, "-B", "-i", `/root/.ssh/${USER}`, "/etc/hosts", from(thief, "/etc/loot")]),
      );
    }
  },
  sftp: async (thief) => {
    const batch = ["sftp", "-b", "-", "-i", `/root/.ssh/${USER}`, `${USER}@${thief.host.name}`];
    failed(await thief.local(batch, "ls /\nget /etc/passwd\n"));
  },
  "a subsystem that sshd would run by itself": async (thief) => {
    // sshd speaks sftp itself then, without any shell: of the careless host's subsystems, this is one.
    assert.equal((await thief.local(thief.sshArgv(["-s"], "files", "root"))).code, 0);
    stoppedByGate(await thief.ssh(["-s"], "files"));
  },
  "a connection through the host": async (thief) => {
    // Root may: the attempt is one that succeeds where it is not refused.
    const argv = thief.sshArgv(["-W", "localhost:22"], undefined, "root");
    assert.match((await thief.local(["timeout", "30", ...argv])).stdout, /^SSH-2\.0/);
    failed(await thief.ssh(["-W", "localhost:22"]));
  },
  "a port of the host, brought here (-L)": async (thief) => {
    const forward = (from: number) => ["-N", "-L", `${from}:localhost:22`];
    assert.match(await heard(thief, forward, "", "root"), /^SSH-2\.0/);
    assert.equal(await heard(thief, forward, ""), "");
  },
  "any port of the host's network (-D)": async (thief) => {
    // SOCKS 4: connect to port 22 of 127.0.0.1.
    const request = "040100167f00000100";
    const forward = (from: number) => ["-N", "-D", String(from)];
    assert.match(await heard(thief, forward, request, "root"), /SSH-2\.0/);
    assert.doesNotMatch(await heard(thief, forward, request), /SSH-2\.0/);
  },
  "a socket of the host: nix-daemon's, past the gate": async (thief) => {
    const greeting = "6378696e00000000";
    const forward = (from: number) => ["-N", "-L", `${from}:/nix/var/nix/daemon-socket/socket`];
    assert.match(await heard(thief, forward, greeting, "root"), /^oixd/);
    assert.equal(await heard(thief, forward, greeting), "");
  },
  "a port here, for the host to come in (-R)": async (thief) => {
    const { code, stderr } = await thief.ssh(["-N", "-o", "ExitOnForwardFailure=yes", "-R", "9978:localhost:22"]);
    assert.equal(code, 255);
    assert.match(stderr, /remote port forwarding failed/);
  },
  "a socket on the host (-R)": async (thief) => {
    const { code, stderr } = await thief.ssh(["-N", "-o", "ExitOnForwardFailure=yes", "-R", "/tmp/loot:localhost:22"]);
    assert.equal(code, 255);
    assert.match(stderr, /remote port forwarding failed/);
  },
  "an agent of the thief's on the host": async (thief) => {
    const agent = async (user: string, command: string, looks: number, settle?: number) => {
      const argv = ["ssh-agent", ...thief.sshArgv(["-A"], command, user)];
      const look = `for i in $(seq 1 ${looks}); do ls -d /tmp/ssh-*/agent.* 2>/dev/null && exit; sleep 0.1; done`;
      return await thief.while(argv, () => thief.host.output(look), settle);
    };
    assert.match(await agent("root", "sleep 20", 150, 0), /agent/);
    assert.equal(await agent(USER, "nix-daemon --stdio", 1), "");
  },
  windows: async (thief) => {
    const { stderr } = await thief.local(["env", "DISPLAY=:9", ...thief.sshArgv(["-Y", "-v"], "id")]);
    assert.match(stderr, /X11 forwarding request failed/);
  },
  "a tunnel device": async (thief) => {
    failed(await thief.ssh(["-w", "any", "-o", "ExitOnForwardFailure=yes"], "id"));
    // This machine may have no such device to offer: sshd has to say that it would not take it either.
    assert.equal(await sshdSays(thief, "permittunnel"), "no");
  },
  "an environment of the thief's, on a host whose sshd takes any": async (thief) => {
    const set = ["-o", "SetEnv=LD_PRELOAD=/nowhere.so"];
    const root = await thief.local(thief.sshArgv(set, "true", "root"));
    assert.match(root.stderr, /nowhere\.so/, "this host takes it of others");
    const { stdout, stderr } = await thief.ssh(set, "bungee-activator facts");
    assert.doesNotMatch(stderr, /nowhere\.so/);
    assert.match(stdout, /^\{"protocol":2,"hostName"/);
  },
  "an environment that shells and nix heed": async (thief) => {
    const names = [
      "ENV",
      "BASH_ENV",
      "PATH",
      "IFS",
      "PS4",
      "SHELLOPTS",
      "BUNGEE_ACTIVATOR",
      "NIX_REMOTE",
      "NIX_CONF_DIR",
    ];
    const set = names.map((name) => `${name}=/root/secret`);
    const { stdout } = await thief.ssh(
      ["-o", `SetEnv=${set.join(" ")} SHELLOPTS=xtrace BASH_FUNC_env%%="() { id; }"`],
      "bungee-activator facts",
    );
    assert.match(stdout, /^\{"protocol":2,"hostName"/);
  },
  "the environment of what does run": async (thief) => {
    const argv = thief.sshArgv(["-o", "SetEnv=NIX_REMOTE=local"], "nix-daemon --stdio");
    const look = `
      for i in $(seq 1 200); do
        pid=$(pgrep -u ${USER} -x nix-daemon | head -n 1)
        [ -z "$pid" ] || break
        sleep 0.1
      done
      tr '\\0' '\\n' </proc/$pid/environ`;
    const environment = await thief.while(argv, () => thief.host.output(look), 0);
    assert.match(environment, /^PATH=[^\n]*$/);
  },
};

/** These fail to log in, for which new sshds shut out their whole network for a while. */
export const logins: Readonly<Record<string, Attempt>> = {
  "a password": async (thief) => {
    const ways = "PreferredAuthentications=password,keyboard-interactive";
    const { code, stderr } = await thief.ssh(["-o", "PubkeyAuthentication=no", "-o", ways], "bungee-activator facts");
    assert.equal(code, 255);
    assert.match(stderr, /Permission denied/);
  },
  "the key for other users": async (thief) => {
    for (const user of ["root", "deploy", "alice"]) {
      const argv = ["ssh", "-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-i", `/root/.ssh/${USER}`];
      const known = ["-o", "UserKnownHostsFile=/root/.ssh/known_hosts"];
      const { code, stderr } = await thief.local([...argv, ...known, `${user}@${thief.host.name}`, "id"]);
      assert.equal(code, 255);
      assert.match(stderr, /Permission denied/);
    }
  },
};

const from = (thief: Thief, path: string) => `${USER}@${thief.host.name}:${path}`;

/**
 * What whoever connects to the forwarded port hears, after having said something (in hexadecimal). ssh listens here in both cases;
 * where the host refuses the way on, it closes what it took.
 */
async function heard(thief: Thief, forward: (port: number) => string[], say: string, user = USER): Promise<string> {
  const from = port++;
  const script = `
    const { connect } = require("net");
    let all = "";
    const leave = () => setTimeout(() => process.exit(), 300);
    function attempt() {
      const socket = connect(${from}, "127.0.0.1", () => socket.write(Buffer.from("${say}", "hex")));
      socket.on("data", (data) => process.stdout.write(data, () => /SSH-2|oixd/.test((all += data)) && leave()));
      socket.on("end", leave);
      socket.on("error", (error) => (error.code === "ECONNREFUSED" ? setTimeout(attempt, 100) : leave()));
    }
    attempt();
    setTimeout(() => process.exit(1), 20000);`;
  const argv = thief.sshArgv(forward(from), undefined, user);
  return await thief.while(argv, async () => (await thief.local(["node", "-e", script])).stdout, 0);
}

async function sshdSays(thief: Thief, keyword: string): Promise<string | undefined> {
  const all = await thief.host.output(`$(command -v sshd) -T -C user=${USER},host=x,addr=192.0.2.1`);
  return new RegExp(`^${keyword} (.*)$`, "m").exec(all)?.[1];
}
