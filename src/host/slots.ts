/** How many channels may be open at once; the bound can be learned from the host. */
export class Slots {
  #limit: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Waits for a free slot, in order. The function that it gives frees the slot, once. */
  async take(): Promise<() => void> {
    if (this.#taken >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#taken += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      // The slot goes straight to the next who waits, so that nobody can come between.
      const next = this.#taken <= this.#limit ? this.#waiting.shift() : undefined;
      if (next) next();
      else this.#taken -= 1;
    };
  }

  /** The host allows fewer than was thought. */
  lower(limit: number): void {
    this.#limit = Math.max(1, Math.min(this.#limit, limit));
  }
}
