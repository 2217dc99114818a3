/** The port through which everything reaches a host. Two transports stand behind it: ssh2, and the `ssh` of this machine. */
import type { Readable, Writable } from "node:stream";
import type { Command, Exit, Finished, RunOptions } from "../process.ts";
import type { Secrets } from "./secrets.ts";

/** Where a node may be found; every field but the addresses is optional and then comes from `ssh -G`. */
export interface Target {
  /** The node's name, for messages. */
  readonly node: string;
  /** Host names, ssh_config aliases or IP addresses, tried in order. */
  readonly addresses: readonly [string, ...string[]];
  readonly user?: string | undefined;
  readonly port?: number | undefined;
  readonly identityFile?: string | undefined;
  /** Options as ssh_config has them, which win over it: `{ ProxyJump: "bastion" }`. */
  readonly sshOptions?: Readonly<Record<string, string>> | undefined;
  /** The transport. Default: auto, which is ssh2, and openssh where ssh2 cannot. */
  readonly ssh?: "auto" | "ssh2" | "openssh" | undefined;
}

/** One command on the host, with its streams. */
export interface Channel {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Rejects with ConnectionLostError when the connection broke before the exit was known. */
  readonly exited: Promise<Exit>;
  close(): void;
}

/** A logged-in connection to one host, its host key checked. Losing it is always a ConnectionLostError, never an exit code. */
export interface Connection {
  readonly node: string;
  /** The one of the target's addresses that answered. */
  readonly address: string;
  readonly user: string;
  /** Milliseconds without a sign of life from the host after which the connection is given up. */
  readonly silenceMs: number;
  /**
   * Runs to the end. As many at once as the host's MaxSessions allows; more wait for their turn.
   * @throws ConnectionLostError
   */
  run(command: Command, options?: RunOptions): Promise<Finished>;
  /** @throws ConnectionLostError */
  open(command: Command): Promise<Channel>;
  /** Aborted, with a ConnectionLostError as its reason, when the connection breaks or is closed. */
  readonly lost: AbortSignal;
  close(): Promise<void>;
}

export interface ConnectOptions {
  readonly signal?: AbortSignal;
  /** For TCP and login together, for each address. Default: ConnectTimeout of ssh_config, else 10 s. */
  readonly timeoutMs?: number;
  /** Told of what a person would want to see, and no error is: a new host key accepted, another transport taken. */
  readonly onNotice?: (message: string) => void;
  /** Where passphrases come from; left out: a key that has one counts only where the agent has it. */
  readonly secrets?: Secrets;
}

/**
 * Opens a new connection, never a shared one.
 * @throws UnreachableError | HostKeyError | LoginError
 */
export type Connect = (target: Target, options?: ConnectOptions) => Promise<Connection>;
