/** What a runner is told by lines of its own: commands, and of them the annotations, of which it shows few. */
import { cleanLines } from "./text.ts";

/** Of a kind, in one step; what comes after them is passed over in silence. */
const SHOWN = 10;
/** Of those that the last one stands for. */
const NAMED = 50;

type Kind = "error" | "warning";
interface Annotation {
  readonly text: string;
  readonly title: string | undefined;
}

export class Annotations {
  readonly #say: (line: string) => void;
  readonly #said: Record<Kind, number> = { error: 0, warning: 0 };
  readonly #held: Record<Kind, Annotation[]> = { error: [], warning: [] };

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** The last one that would be shown is held back, since others may come. */
  add(kind: Kind, lines: readonly string[], title?: string): void {
    const annotation = { text: lines.join("\n"), title };
    if (this.#said[kind] < SHOWN - 1) this.#print(kind, annotation);
    else this.#held[kind].push(annotation);
  }

  /** Nothing comes any more. */
  end(): void {
    for (const kind of ["error", "warning"] as const) {
      const held = this.#held[kind].splice(0);
      const [first] = held;
      if (first === undefined) continue;
      this.#print(kind, held.length === 1 ? first : inOne(held));
    }
  }

  #print(kind: Kind, { text, title }: Annotation): void {
    this.#said[kind]++;
    this.#say(command(kind, text, title));
  }
}

function inOne(held: readonly Annotation[]): Annotation {
  const named = held.slice(0, NAMED).map(({ text, title }) => title ?? cleanLines(text)[0] ?? "");
  const more = held.length > NAMED ? ` and ${held.length - NAMED} more` : "";
  return { title: `${held.length} more`, text: `${named.join(", ")}${more}\nthe log and the summary say why` };
}

/** `::name title=…::text` */
export function command(name: string, text: string, title?: string): string {
  return `::${name}${title === undefined ? "" : ` title=${escapeProperty(title)}`}::${escapeData(text)}`;
}

const escapeData = (text: string): string =>
  text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");

const escapeProperty = (text: string): string => escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
