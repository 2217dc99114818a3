/** Random numbers that depend on nothing but their keys: a hash, in counter mode. */
import { createHash } from "node:crypto";

export class Random {
  readonly #key: string;
  #block = 0;
  #numbers: number[] = [];

  /** The same keys give the same numbers, on every machine. */
  constructor(...keys: readonly (string | number)[]) {
    this.#key = JSON.stringify(keys);
  }

  /** A whole number, both ends included. */
  integer(least: number, most: number): number {
    return least + Math.floor(this.#next() * (most - least + 1));
  }

  /** True `percent` times in a hundred. */
  chance(percent: number): boolean {
    return this.#next() * 100 < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.integer(0, list.length - 1)]!;
  }

  /** One of the keys, each as often as its weight says. */
  weighted<Key extends string>(weights: Readonly<Record<Key, number>>): Key {
    const entries = Object.entries(weights) as [Key, number][];
    let left = this.#next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    return entries.at(-1)![0];
  }

  /** From 0 to 1, without 1. */
  #next(): number {
    if (this.#numbers.length === 0) {
      const bytes = createHash("sha256")
        .update(`${this.#key} ${this.#block++}`)
        .digest();
      this.#numbers = Array.from({ length: 8 }, (_, index) => bytes.readUInt32BE(index * 4) / 2 ** 32);
    }
    return this.#numbers.pop()!;
  }
}
