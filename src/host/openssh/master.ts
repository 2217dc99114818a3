/** An `ssh` of our own that logs in and holds the connection (ControlMaster), until we end it or end ourselves. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { BungeeError, HostKeyError } from "../../errors.ts";
import { type Exit, type LocalProcess, spawnLocal } from "../../process.ts";
import { type Destination, type Query, resolveDestination, sshWords } from "../destination.ts";
import { checkHostKey, readHostKeyRing, readyToRemember, refusalByRevocation } from "../host-key.ts";
import { certifiedKey } from "../known-hosts.ts";
import { type PrivateDirectory, privateDirectory } from "../private-directory.ts";
import { LockedKey } from "../ssh2/identity.ts";
import type { LoginOptions } from "../ssh2/login.ts";
import { unreachable } from "../ssh2/way.ts";
import { type AskpassServer, serveAskpass } from "./askpass.ts";
import { failureOf, type Outset, reasonOfLoss, timeoutOf } from "./master-log.ts";
import { masterSettings } from "./master-settings.ts";

export interface Master {
  readonly destination: Destination;
  /** Where it listens for those who share its connection. */
  readonly socket: string;
  /** Resolves when ssh has ended, with why the connection broke, in words. */
  readonly broken: Promise<string>;
  /** Resolves when no process and no file of it is left. */
  end(): Promise<void>;
}

/** A jump host whose own ssh_config leads through itself would go on for ever. */
const MAX_JUMPS = 8;
/** ssh listens under a name with this many characters more, before it gives the socket its own. */
const SOCKET_SUFFIX = 17;
const POLL_MS = 20;

/**
 * Runs ssh (the words behind the directory's name), and ends it when this shell's standard input closes: so it does by the
 * kernel's hand, however bungee ends. The directory goes after ssh, which may write to it until its end; what ssh itself
 * has started (KnownHostsCommand) may outlive it by a moment, and put a file into a directory that is being emptied.
 * Where ssh ended first, bungee still wants its log and takes the directory away by itself, unless it is gone, too: a master may
 * die of a client that dies (OpenSSH 9.2: "chan_send_close2: no remote_id"). The shell says nothing itself: nobody may be there to read it.
 */
const TIED = `
exec 3<&0
directory=$1
shift
"$@" </dev/null 3<&- &
ssh=$!
exec >/dev/null 2>&1
{ read -r _ <&3; kill "$ssh"; } &
watch=$!
exec 3<&-
wait "$ssh"
code=$?
kill "$watch"
remove() {
  for _ in 1 2 3 4 5; do rm -rf -- "$directory" && break; sleep 0.2; done
}
if wait "$watch"; then
  remove
else
  {
    tries=100
    while [ -d "$directory" ] && [ $tries -gt 0 ] && kill -0 $PPID; do sleep 0.1; tries=$((tries - 1)); done
    remove
  } </dev/null &
fi
exit "$code"
`;

/** @throws UnreachableError | HostKeyError | LoginError | MissingToolError | the signal's reason */
export async function startMaster(query: Query, options: LoginOptions, jumps = 0): Promise<Master> {
  const destination = await resolveDestination(query, options);
  const hop = await startHop(destination, options, jumps);
  try {
    const directory = await privateDirectory("socket".length + SOCKET_SUFFIX);
    const master = new Starting(query, destination, directory, hop, options);
    return await master.run();
  } catch (error) {
    await hop?.end();
    throw error;
  }
}

async function startHop({ jump, hostname }: Destination, options: LoginOptions, jumps: number) {
  if (jump === undefined) return undefined;
  if (jumps >= MAX_JUMPS) throw unreachable(`the way to ${hostname} leads through too many jump hosts`);
  return await startMaster({ ...jump.host, jump: jump.before }, options, jumps + 1).catch((error: unknown) => {
    // The innermost knows which one it was.
    if (error instanceof BungeeError && !error.message.startsWith("at the jump host"))
      error.message = `at the jump host ${jump.host.address}: ${error.message}`;
    throw error;
  });
}

/** One start; it comes up or fails once. */
class Starting {
  readonly #query: Query;
  readonly #destination: Destination;
  readonly #directory: PrivateDirectory;
  readonly #hop: Master | undefined;
  readonly #options: LoginOptions;
  #complaint = "";

  constructor(
    query: Query,
    destination: Destination,
    directory: PrivateDirectory,
    hop: Master | undefined,
    options: LoginOptions,
  ) {
    this.#query = query;
    this.#destination = destination;
    this.#directory = directory;
    this.#hop = hop;
    this.#options = options;
  }

  async run(): Promise<Master> {
    const { signal, secrets, onNotice } = this.#options;
    let askpass: AskpassServer | undefined;
    try {
      // Read before ssh may write to them: what is new then shows.
      const ring = await readHostKeyRing(this.#destination);
      // Where that fails ssh says so, too, and it need not come to it.
      await readyToRemember(this.#destination).catch(() => {});
      askpass = secrets && (await serveAskpass(this.#directory.path, this.#destination.identityFiles, secrets));
      signal.throwIfAborted();
      const settings = masterSettings(this.#destination, (name) => this.#path(name), askpass !== undefined, this.#hop);
      const words = ["-E", this.#path("log"), ...settings, ...sshWords(this.#query, this.#options)];
      const argv = ["sh", "-c", TIED, "sh", this.#directory.path, "ssh", "-N", "-T", "-v", ...words] as const;
      const child = await spawnLocal({ argv }, askpass ? { env: askpass.env } : {});
      child.stdin.on("error", () => {});
      child.stdout.resume();
      child.stderr.on("data", (chunk: Buffer) => {
        this.#complaint = (this.#complaint + chunk.toString("utf8")).slice(-4096);
      });
      const failed = await this.#untilUp(child);
      const locked = failed && askpass?.locked();
      if (locked) throw new LockedKey(locked);
      if (failed) {
        const outset = await this.#outset(failed);
        throw (await this.#hostKeyRefusal(ring, outset)) ?? (await failureOf(outset));
      }
      await this.#announce(ring, onNotice);
      return this.#master(child, askpass);
    } catch (error) {
      await askpass?.close();
      await this.#directory.remove();
      throw error;
    }
  }

  #path(name: string): string {
    return join(this.#directory.path, name);
  }

  /** @returns how ssh ended, when it did so before it was logged in. @throws the signal's reason, or what it means by now */
  async #untilUp(child: LocalProcess): Promise<Exit | undefined> {
    const { signal } = this.#options;
    let exit: Exit | undefined;
    void child.exited.then((how) => {
      exit = how;
    });
    while (exit === undefined && !existsSync(this.#path("socket"))) {
      if (signal.aborted) {
        child.end();
        const outset = await this.#outset(await child.exited);
        throw timeoutOf(signal.reason, outset);
      }
      await Promise.race([child.exited, pause(POLL_MS)]);
    }
    return exit;
  }

  async #outset(exit: Exit): Promise<Outset> {
    const read = (name: string) => readFile(this.#path(name), "utf8").catch(() => "");
    const [log, keys] = await Promise.all([read("log"), read("key")]);
    const jump = this.#destination.jump?.host.address;
    return {
      destination: this.#destination,
      exit,
      log,
      keys,
      complaint: this.#complaint.trim(),
      jump,
      secrets: this.#options.secrets,
    };
  }

  /** Our own verdict on the key that the host showed, when ssh went no further. */
  async #hostKeyRefusal(ring: Awaited<ReturnType<typeof readHostKeyRing>>, outset: Outset): Promise<unknown> {
    const key = shownKey(outset.keys);
    if (key === undefined) {
      const shown = /^debug1: Server host (?:key|certificate): (\S+ \S+?),?(?:\s|$)/m.exec(outset.log)?.[1];
      return shown && (await refusalByRevocation(ring, shown));
    }
    const certified = certifiedKey(key);
    // Whom it trusts has signed it, for another name or time: ssh says it best. Else it goes on with the plain key, as if there were no more.
    if (certified !== undefined && /^Certificate invalid/m.test(outset.log)) return undefined;
    return await checkHostKey(ring, certified ?? key, undefined).then(
      () => undefined,
      (refusal: unknown) => (refusal instanceof HostKeyError ? refusal : undefined),
    );
  }

  async #announce(ring: Awaited<ReturnType<typeof readHostKeyRing>>, onNotice: LoginOptions["onNotice"]) {
    const { keys, log } = await this.#outset({ code: null, signal: null });
    const key = shownKey(keys);
    const plain = key && (certifiedKey(key) ?? key);
    // What a certificate vouches for was known.
    if (plain !== key && !/^Warning: Permanently added/m.test(log)) return;
    const verdict = plain && (await checkHostKey(ring, plain, undefined).catch(() => undefined));
    if (verdict?.kind !== "new") return;
    onNotice?.(verdict.notice);
    const unwritten = /^Failed to add the host to the list of known hosts \((.*)\)/m.exec(log);
    if (unwritten) onNotice?.(`the host key could not be written to known_hosts: ${unwritten[1]}`);
  }

  #master(child: LocalProcess, askpass: AskpassServer | undefined): Master {
    const broken = child.exited.then(async (exit) => reasonOfLoss(await this.#outset(exit)));
    return {
      destination: this.#destination,
      socket: this.#path("socket"),
      broken,
      end: async () => {
        child.end();
        await broken;
        await Promise.all([askpass?.close(), this.#directory.remove(), this.#hop?.end()]);
      },
    };
  }
}

function shownKey(keys: string): Buffer | undefined {
  const base64 = /^HOSTNAME (\S+)$/.exec(
    keys
      .trimEnd()
      .split("\n")
      .findLast((line) => line.startsWith("HOSTNAME")) ?? "",
  );
  return base64?.[1] === undefined ? undefined : Buffer.from(base64[1], "base64");
}
