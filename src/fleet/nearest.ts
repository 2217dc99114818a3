/** Nobody mistypes a longer one, and to compare them takes time that grows with the square. */
const LONGEST_WORD = 100;

/** The candidate that a person most likely meant, for "did you mean"; undefined when none is near. */
export const nearest = (word: string, candidates: Iterable<string>): string | undefined =>
  nearestOnes(word, candidates)[0];

/** More than one where they are equally near. */
function nearestOnes(word: string, candidates: Iterable<string>): string[] {
  if (word.length > LONGEST_WORD) return [];
  let found: string[] = [];
  // About one slip in three letters; more is another word.
  let bound = Math.max(1, Math.floor(word.length / 3));
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > bound) continue;
    const apart = distance(word.toLowerCase(), candidate.toLowerCase());
    if (apart > bound) continue;
    found = apart < bound ? [candidate] : [...found, candidate];
    bound = apart;
  }
  return found;
}

/** "; did you mean X?" or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const meant = nearest(word, candidates);
  return meant === undefined ? "" : `; did you mean ${meant}?`;
}

const NAMED = 5;

/** "; did you mean X, Y or Z?" or nothing: for words of which many are alike, as hosts' names are. */
export function didYouMeanOneOf(word: string, candidates: Iterable<string>): string {
  const meant = nearestOnes(word, candidates).slice(0, NAMED);
  const last = meant.pop();
  if (last === undefined) return "";
  return `; did you mean ${meant.length > 0 ? `${meant.join(", ")} or ` : ""}${last}?`;
}

/** Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other. */
function distance(from: string, to: string): number {
  let [before, last]: [number[], number[]] = [[], Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped) cost = Math.min(cost, before[column - 2]! + 1);
      current.push(cost);
    }
    [before, last] = [last, current];
  }
  return last[to.length]!;
}
