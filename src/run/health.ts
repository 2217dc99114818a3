/** A node's health checks, side by side, each tried again until all of them are well at once. */
import { setMaxListeners } from "node:events";
import type { Found } from "../activator/protocol.ts";
import { UnhealthyError } from "../errors.ts";
import type { HealthCheck } from "../fleet/health-checks.ts";
import { pause } from "./clock.ts";
import type { Ask } from "./probe.ts";

const MEND =
  "look at the service on the host (systemctl status, journalctl -b); if it only needs longer, raise bungee.confirmation.timeout, or the check's retries";

interface Watched {
  readonly name: string;
  readonly check: HealthCheck;
  tries: number;
  /** In a row. */
  failures: number;
  last: Found | undefined;
}

/** Lives as long as the confirmation does, over all the connections that it takes. */
export class Health {
  readonly #watched: readonly Watched[];
  readonly #say: (line: string) => void;

  /** @param say told of a check when what it finds changes from well to not well, or back */
  constructor(checks: Readonly<Record<string, HealthCheck>>, say: (line: string) => void) {
    this.#watched = Object.entries(checks).map(([name, check]) => ({
      name,
      check,
      tries: 0,
      failures: 0,
      last: undefined,
    }));
    this.#say = say;
  }

  /** What was not well when it was last seen. */
  get complaint(): UnhealthyError | undefined {
    return this.#complain((last) => last?.ok === false);
  }

  #complain(of: (last: Found | undefined) => boolean): UnhealthyError | undefined {
    const unwell = this.#watched.filter(({ last }) => of(last));
    if (unwell.length === 0) return undefined;
    const message = unwell.map(
      ({ name, last, tries }) =>
        `health check ${name} fails: ${last?.message ?? "it has not answered"} (${tries === 1 ? "tried once" : `tried ${tries} times`})`,
    );
    const output = unwell.flatMap(({ name, last }) => (last?.output ?? []).map((line) => `${name}: ${line}`));
    return new UnhealthyError(message.join("; "), { mend: MEND, detail: output.join("\n") || undefined });
  }

  /**
   * @param deadline milliseconds of the monotonic clock
   * @throws UnhealthyError when a check has used up its retries, or when the time is over; whatever `ask` throws
   */
  async untilWell(ask: Ask, deadline: number): Promise<void> {
    if (this.#watched.length === 0) return;
    const over = new AbortController();
    setMaxListeners(0, over.signal);
    // What was well may have changed while the connection was away.
    for (const each of this.#watched) if (each.last?.ok) each.last = undefined;
    const timer = setTimeout(
      () => over.abort(this.#complain((last) => !last?.ok)),
      Math.max(0, deadline - performance.now()),
    );
    try {
      await new Promise<void>((resolve, reject) => {
        over.signal.addEventListener("abort", () => reject(over.signal.reason), { once: true });
        for (const each of this.#watched) this.#watch(each, ask, over.signal, resolve).catch(reject);
      });
    } finally {
      clearTimeout(timer);
      over.abort();
    }
  }

  /** Goes on when it is well: it has to be still when the others are, too. */
  async #watch(each: Watched, ask: Ask, signal: AbortSignal, allWell: () => void): Promise<void> {
    const { name, check } = each;
    for (;;) {
      each.tries += 1;
      const found = await ask(name, check, signal);
      signal.throwIfAborted();
      this.#note(each, found);
      if (this.#watched.every(({ last }) => last?.ok)) allWell();
      if (check.retries !== null && each.failures > check.retries) throw this.complaint;
      await pause(check.period * 1000, signal);
    }
  }

  #note(each: Watched, found: Found): void {
    const was = each.last;
    each.last = found;
    each.failures = found.ok ? 0 : each.failures + 1;
    if (was?.ok === found.ok) return;
    this.#say(
      `health check ${each.name} is ${found.ok ? "well" : was ? "no longer well" : "not well yet"}: ${found.message}`,
    );
  }
}
