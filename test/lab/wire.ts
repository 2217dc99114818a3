/**
 * The cable of a host, and the port of the lab's bridge that it is plugged into. What is done to the cable stays so
 * over reboots. Everything happens at the bridge's end: the host cannot undo it, and sees no change of carrier.
 */
import { exec, LabError, must } from "./exec.ts";

export type Cut = "drop" | "refuse";

export class Wire {
  /** The interface at the bridge's end; there while the host is on. */
  readonly port: string;
  /** The host's hardware address. */
  readonly mac: string;
  #plugged = false;
  #address: string | undefined;
  #cut: Cut | undefined;
  #mbit: number | undefined;
  #latencyMs: number | undefined;
  #refused: string[] = [];
  /** Whoever changes something waits for whoever came before. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(lab: number, host: number) {
    this.port = `p${lab}.${host}`;
    this.mac = `02:4c:00:00:${hex(lab)}:${hex(host)}`;
  }

  /** What was done to the cable, in words. */
  get condition(): string {
    const words = [
      this.#cut && `cut (${this.#cut})`,
      this.#mbit && `${this.#mbit} Mbit/s`,
      this.#latencyMs && `+${this.#latencyMs} ms`,
    ];
    return words.filter(Boolean).join(", ") || "healthy";
  }

  /** Connects a new port to the bridge, as far as the cable is not cut. */
  async plug(): Promise<void> {
    this.#plugged = true;
    await this.#apply();
  }

  /** Pulls the cable for good: what the host's kernel still says is never heard. */
  async unplug(): Promise<void> {
    this.#plugged = false;
    await this.#inTurn(() => exec(["ip", "link", "delete", this.port])); // may be gone with the host's network namespace
  }

  /**
   * Tells the sandbox where the host's address is. With a fixed entry a silent host stays silent: else a failing ARP
   * would tell "no route to host" after three seconds.
   */
  async setAddress(address: string | undefined): Promise<void> {
    const old = this.#address;
    this.#address = address;
    const entry = (of: string) => `${of} lladdr ${this.mac} dev br0 nud permanent`;
    await this.#run([
      ...(old ? [`ip neigh delete ${entry(old)}`] : []),
      ...(address ? [`ip neigh replace ${entry(address)}`] : []),
    ]);
  }

  /**
   * Cuts the connection. "drop": packets vanish, between the host and everybody. "refuse": whoever in the sandbox
   * talks to one of `addresses` is told at once, by RST or ICMP, that there is nobody, and so is the host.
   */
  async cut(how: Cut, addresses: readonly string[]): Promise<void> {
    this.#cut = how;
    await this.#refuse(how === "refuse" ? addresses : []);
    await this.#apply();
  }

  async heal(): Promise<void> {
    if (!this.#cut) return;
    this.#cut = undefined;
    await this.#refuse([]);
    await this.#apply();
  }

  /** Limits what flows towards the host; undefined: no limit. */
  async limit(mbit: number | undefined): Promise<void> {
    if (mbit === this.#mbit) return;
    this.#mbit = mbit;
    await this.#apply();
  }

  /** Adds to the round-trip time; undefined: nothing. */
  async latency(ms: number | undefined): Promise<void> {
    if (ms && !(await hasNetem())) throw new LabError("this kernel has no netem: there is no latency to be had");
    this.#latencyMs = ms;
    await this.#apply();
  }

  /** Takes back everything that the sandbox knows of this cable. */
  async forget(): Promise<void> {
    await this.heal();
    await this.setAddress(undefined);
  }

  /** Makes the port what the cable's condition says. */
  async #apply(): Promise<void> {
    if (!this.#plugged) return;
    const qdisc = `tc qdisc add dev ${this.port}`;
    await this.#run([
      `ip link set ${this.port} ${this.#cut === "drop" ? "nomaster" : "master br0"} up`,
      `tc qdisc delete dev ${this.port} root 2>/dev/null || true`,
      ...(this.#latencyMs ? [`${qdisc} root handle 1: netem delay ${this.#latencyMs}ms limit 100000`] : []),
      // The bucket has to hold the biggest packet that the kernel passes on in one piece, with room for a few.
      ...(this.#mbit
        ? [`${qdisc} ${this.#latencyMs ? "parent 1:" : "root"} tbf rate ${this.#mbit}mbit burst 256k latency 50ms`]
        : []),
    ]);
  }

  async #refuse(addresses: readonly string[]): Promise<void> {
    const [old, now] = [this.#refused, [...addresses]];
    this.#refused = now;
    const edit = (verb: string, elements: string[]) =>
      `nft '${verb} element ip lab refused { ${elements.join(", ")} }'`;
    await this.#run([...(old.length > 0 ? [edit("delete", old)] : []), ...(now.length > 0 ? [edit("add", now)] : [])]);
  }

  async #run(lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await this.#inTurn(() => must(["sh", "-euc", lines.join("\n")]));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

/** Whether this kernel can delay packets. */
export async function hasNetem(): Promise<boolean> {
  const trial = "ip link add netem0 type dummy && tc qdisc add dev netem0 root netem delay 1ms";
  const { code } = await exec(["unshare", "--net", "sh", "-c", trial]);
  return code === 0;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
