/** The host of a binary cache: what a deployment builds is copied there, and kept by GC roots, over one connection for all nodes. */
import pLimit from "p-limit";
import { type CacheInfo, CacheKeeper } from "../activator/cache-keeper.ts";
import { CopyError, RefusedError } from "../errors.ts";
import type { Connect, Connection, Target } from "../host/connection.ts";
import { Elevator } from "../host/elevation/elevation.ts";
import { HostStore } from "../host/host-store.ts";
import type { Secrets } from "../host/secrets.ts";
import { areSigned, sign } from "../nix/sign.ts";
import { again } from "./again.ts";
import { sendClosure } from "./copy.ts";
import type { Emit } from "./events.ts";
import type { Job } from "./job.ts";

export interface PushRequest {
  readonly target: Target;
  /** Whose nodes these are: their roots stand under this name. */
  readonly fleet: string;
  /** Releases of a node that the cache's garbage collection leaves alone. */
  readonly keep: number;
  /** A file with a secret key of nix: all is signed by it before it is sent. */
  readonly signKey: string | undefined;
  readonly secrets: Secrets;
  readonly emit: Emit;
  readonly interruption: AbortSignal;
}

interface Line {
  readonly connection: Connection;
  readonly keeper: CacheKeeper;
  readonly info: CacheInfo;
}

const LOW_SPACE = 256 * 1024 * 1024;

export class CacheHost implements AsyncDisposable {
  readonly name: string;
  readonly #request: PushRequest;
  readonly #connect: Connect;
  readonly #elevator: Elevator;
  readonly #store = new HostStore();
  /** Most of what nodes need is the same: the second copy finds there what the first has brought. */
  readonly #turn = pLimit(1);
  readonly #open = new Set<Connection>();
  #line: Promise<Line> | undefined;
  #warned = false;

  constructor(request: PushRequest, connect: Connect) {
    this.name = request.target.node;
    this.#request = request;
    this.#connect = connect;
    this.#elevator = new Elevator(this.name, "auto", request.secrets);
  }

  /**
   * Asked before anything is built: what cannot be pushed is not built for it.
   * @throws UnreachableError | HostKeyError | LoginError | …
   */
  async ready(job: Job): Promise<{ readonly address: string }> {
    const { connection, info } = await this.#reach(job.interruption);
    this.#warnOfSpace(info);
    return connection;
  }

  /** The root comes when the whole closure is there, and not before. @throws CopyError | RefusedError | … */
  push(job: Job, release: string): Promise<void> {
    return this.#turn(async () => {
      const { interruption: signal } = job;
      signal.throwIfAborted();
      const { signKey } = this.#request;
      if (signKey !== undefined) await sign([release], signKey, { signal });
      const push = async (attempt: number) => {
        if (attempt > 1) await this.#forgetBroken();
        await this.#pushOnce(job, release);
      };
      const say = (line: string) => job.stages.say(line);
      await again(push, { signal, say, passes: wasCollected }).catch(async (error: unknown) => {
        throw await this.#explained(error, signal);
      });
    });
  }

  async #pushOnce(job: Job, release: string): Promise<void> {
    const { fleet, keep, signKey } = this.#request;
    const { connection, keeper, info } = await this.#reach(job.interruption);
    await this.#warnOfSignatures(job, release, info);
    const signatures = signKey !== undefined;
    {
      const root = !keeper.restricted;
      const say = (line: string) => job.stages.say(line);
      await using tunnel = await this.#store.open(connection, { root, signal: job.interruption, say });
      await sendClosure(job, tunnel, release, { signatures });
    }
    const { kept, dropped } = await keeper.keep(fleet, job.node.name, keep, release);
    job.stages.say(`kept as the newest of ${kept} on ${this.name}${dropped > 0 ? `; ${dropped} let go of` : ""}`);
  }

  /** The connection in use; a new one when there is none, or when it broke. A host that was out of reach once is not asked again by each node. */
  async #reach(signal: AbortSignal): Promise<Line> {
    this.#line ??= this.#dial(signal);
    const line = await this.#line;
    if (!line.connection.lost.aborted) return line;
    this.#line = this.#dial(signal);
    return await this.#line;
  }

  async #forgetBroken(): Promise<void> {
    const line = await this.#line?.catch(() => undefined);
    if (line === undefined || line.connection.lost.aborted) this.#line = undefined;
  }

  async #dial(signal: AbortSignal): Promise<Line> {
    const { target, secrets, emit } = this.#request;
    const onNotice = (line: string) =>
      emit({ type: "log", node: null, source: "bungee", line: `${this.name}: ${line}` });
    const bare = await this.#connect(target, { signal, secrets, onNotice });
    this.#open.add(bare);
    bare.lost.addEventListener("abort", () => this.#open.delete(bare), { once: true });
    const connection = this.#elevator.over(bare);
    const keeper = new CacheKeeper(connection);
    return { connection, keeper, info: await keeper.info({ signal }) };
  }

  #warnOfSpace({ storeFreeBytes }: CacheInfo): void {
    if (storeFreeBytes >= LOW_SPACE || this.#warned) return;
    this.#warned = true;
    this.#warn(`only ${mebibytes(storeFreeBytes)} free for /nix/store on ${this.name}`);
  }

  async #warnOfSignatures({ node, interruption: signal }: Job, release: string, info: CacheInfo): Promise<void> {
    if (info.takesUnsigned || (await areSigned([release], info.keys, { signal }))) return;
    const keys = info.keys.map((key) => key.split(":")[0]).join(", ") || "none";
    this.#warn(
      `${node.name}: ${this.name} takes only what is signed by a key that it trusts (${keys}), and not all of this is: give --sign-key`,
    );
  }

  #warn(message: string): void {
    this.#request.emit({ type: "notice", level: "warning", message });
  }

  /** nix says of a full disk only what the daemon there did; the host knows better. */
  async #explained(error: unknown, signal: AbortSignal): Promise<unknown> {
    if (!(error instanceof CopyError) || signal.aborted) return error;
    const { message, detail } = error;
    const line = await this.#reach(signal).catch(() => undefined);
    const info = await line?.keeper.info({ signal }).catch(() => undefined);
    const mend =
      info === undefined
        ? error.mend
        : info.storeFreeBytes < LOW_SPACE
          ? `make room on ${this.name}: only ${mebibytes(info.storeFreeBytes)} are free for /nix/store (nix-collect-garbage there, or a smaller --keep)`
          : info.takesUnsigned
            ? error.mend
            : `see what nix says above; ${this.name} takes only paths signed by a key of its nix.settings.trusted-public-keys: --sign-key signs them`;
    return new CopyError(`${message}, to ${this.name}`, { mend, detail });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#open].map((connection) => connection.close()));
  }
}

const mebibytes = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MiB`;

/** Nothing keeps a release in the cache before it has its root there. */
const wasCollected = (error: unknown) => error instanceof RefusedError && error.reason === "not-valid";
