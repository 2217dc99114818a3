/** Patterns as shells have them, without a regular expression: those of some texts take for ever, or are too long to be made. */
import { UsageError } from "../errors.ts";

const ANY_TEXT = "any text";
type Piece = typeof ANY_TEXT | ((character: string) => boolean);

/**
 * `*` any text, `?` one character, `[abc]` `[a-c]` one of these; everything else stands for itself.
 * @throws UsageError for a range that runs backwards
 */
export function pattern(text: string): (word: string) => boolean {
  const pieces = [...text.matchAll(/\[[^\]/]+\]|[\s\S]/gu)].map(([piece]) => pieceOf(piece, text));
  return (word) => matches(pieces, [...word]);
}

function pieceOf(piece: string, text: string): Piece {
  if (piece === "*") return ANY_TEXT;
  if (piece === "?") return () => true;
  if (!/^\[.+\]$/su.test(piece)) return (character) => character === piece;
  const ranges = [...piece.slice(1, -1).matchAll(/(.)-(.)|(.)/gsu)].map(([, from, to, one]) => [
    codeOf(from ?? one),
    codeOf(to ?? one),
  ]);
  if (ranges.some(([from, to]) => from! > to!)) {
    throw new UsageError(`${text} is not a pattern`, {
      mend: "use * for any text, ? for one character, [a-c] for one of a set",
    });
  }
  return (character) => ranges.some(([from, to]) => codeOf(character) >= from! && codeOf(character) <= to!);
}

function codeOf(character: string | undefined): number {
  return character?.codePointAt(0) ?? 0;
}

/** Where a piece does not match, the last `*` takes one character more; those before it need not be tried again. */
function matches(pieces: readonly Piece[], word: readonly string[]): boolean {
  let [piece, at] = [0, 0];
  let star: { readonly piece: number; at: number } | undefined;
  while (at < word.length) {
    const test = pieces[piece];
    if (test === ANY_TEXT) {
      star = { piece: ++piece, at };
    } else if (test?.(word[at]!)) {
      piece++;
      at++;
    } else if (star) {
      piece = star.piece;
      at = ++star.at;
    } else return false;
  }
  return pieces.slice(piece).every((rest) => rest === ANY_TEXT);
}
