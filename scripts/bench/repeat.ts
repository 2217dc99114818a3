/** Measures two ways of doing the same on a machine that others use too: in turns, several times, compared by their medians. */

/** Each in seconds (or another unit that both share), in the order of the turns. */
export interface Turns {
  readonly bungee: readonly number[];
  readonly plain: readonly number[];
}

/** A B A B …: what else the machine does then slows both. */
export async function inTurns(
  times: number,
  bungee: (turn: number) => Promise<number>,
  plain: (turn: number) => Promise<number>,
): Promise<Turns> {
  const turns: { bungee: number[]; plain: number[] } = { bungee: [], plain: [] };
  for (let turn = 0; turn < times; turn++) {
    turns.bungee.push(await bungee(turn));
    turns.plain.push(await plain(turn));
  }
  return turns;
}

/** Of at least one value. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("the median of nothing");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Seconds that some work took. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}
