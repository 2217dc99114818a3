// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is code of other languages
/** Values that somebody hopes will be executed, misread or choked on. */
import type { Random } from "../chaos/random.ts";

/** What a payload would run, if anything ran it: by path, and by a name that is on the PATH of lab hosts. */
export const CANARY = "/tmp/bungee-fuzz-canary";

/** Each would leave a trace if a shell, `test`, arithmetic, sed, printf or Nix took it for more than text. */
const ORDERS: readonly string[] = [
  `$(touch ${CANARY})`,
  `\`touch ${CANARY}\``,
  `;touch ${CANARY};`,
  `\ntouch ${CANARY}\n`,
  `'; touch ${CANARY}; '`,
  `"; touch ${CANARY}; "`,
  `| touch ${CANARY}`,
  `& touch ${CANARY} &`,
  `&& touch ${CANARY}`,
  `> ${CANARY}`,
  `>${CANARY}`,
  `a[$(touch ${CANARY})]`,
  `a[\`touch ${CANARY}\`]+1`,
  `\${x:=$(touch ${CANARY})}`,
  `$((x[$(touch ${CANARY})]))`,
  `<(touch ${CANARY})`,
  `\\$(touch ${CANARY})`,
  `'$(touch ${CANARY})'`,
  `\\'; touch ${CANARY} #`,
  `/e;s/.*/touch ${CANARY.replaceAll("/", "\\/")}/e;`,
  `%n$(touch ${CANARY})`,
  "bungee-canary",
  "$(bungee-canary)",
  "`bungee-canary`",
  ";bungee-canary;",
  "\nbungee-canary\n",
  "() { :; }; bungee-canary",
  `-oProxyCommand=touch ${CANARY}`,
  `--to-command=touch ${CANARY}`,
  "${builtins.abort bungee}",
  '" + builtins.abort "bungee',
];

const ODD: readonly string[] = [
  ..."-*?~!#%&|;<>(){}[]=:,.@^+\\/'\"`$ \t\n\r",
  ...[
    "",
    "  ",
    "--",
    "-n",
    "-e",
    "-rf",
    "--help",
    "--version",
    "..",
    "../..",
    "/..",
    "./",
    "//",
    "/etc/shadow",
    "~root",
  ],
  ...[
    "\r\n",
    "\n\n",
    "\\n",
    "\\0",
    "\\\\",
    "''",
    '""',
    "$@",
    "$*",
    "$$",
    "$?",
    "${IFS}",
    "${x?}",
    "$'\\n'",
    "*/*",
    "[!a]",
  ],
  ...["%s", "%n", "%d%d", "%100000d", "=", ":=", "a=b", "a:=b", "++", "==", "!=", "(", "-a", "-o", "!"],
  ...["0", "-0", "-1", "+1", "08", "0x10", "1e9", "1.5", "NaN", "Infinity", "null", "undefined", "true", "false"],
  ...["99999999999999999999999999", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "4294967296"],
  ...["__proto__", "constructor", "prototype", "toString", "valueOf", "hasOwnProperty", "outPath", "type", "length"],
  ...["\u0001", "\u0007", "\b", "\u001b[2J", "\u001b]0;x\u0007", "\u007f", "\u0085", "\u009b31m", "\u00a0", "\ufeff"],
  ...[
    "é",
    "ß",
    "ſ",
    "İ",
    "\u212a",
    "日本",
    "💥",
    "a\u0301",
    "\u200b",
    "\u202e",
    "\u2028",
    "\u{e0041}",
    "\ufffd",
    "\uffff",
  ],
  ...["::error::x", "##[group]x", "##vso[x]", "{", "}", '{"protocol":2,"error":"locked","message":"x"}', "@nix {}"],
];

/** Well-formed text without NUL, up to 100,000 characters long now and then. */
export function hostileText(random: Random): string {
  const one = () => {
    const kind = random.integer(0, 9);
    if (kind < 4) return random.pick(ODD);
    if (kind < 7) return random.pick(ORDERS);
    if (kind < 8) return plainWord(random);
    return String.fromCodePoint(codePoint(random));
  };
  const text = listOf(random, 0, 4, one).join("");
  if (!random.chance(2)) return text;
  return (text || "x")
    .repeat(Math.ceil(random.pick([300, 5000, 100_000]) / (text.length || 1)))
    .slice(0, 100_000)
    .toWellFormed();
}

/** A name nobody minds. */
export function plainWord(random: Random): string {
  return listOf(random, 1, 8, () => random.pick([..."abcdefghijklmnopqrstuvwxyz0123456789-_."])).join("");
}

function codePoint(random: Random): number {
  const point = random.integer(1, random.pick([0x7f, 0xff, 0xffff, 0x10ffff]));
  return point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
}

/** Text with one thing about it changed: a piece gone, doubled, moved, or something hostile put in. */
export function mutated(random: Random, text: string): string {
  const at = random.integer(0, text.length);
  const to = Math.min(text.length, at + random.integer(1, 8));
  switch (random.integer(0, 5)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + text.slice(to);
    case 2:
      return text.slice(0, to) + text.slice(at);
    case 3:
      return text.slice(0, at) + hostileText(random) + text.slice(at);
    case 4:
      return text.slice(0, at) + hostileText(random) + text.slice(to);
    default:
      return text.slice(0, at) + String.fromCodePoint(codePoint(random)) + text.slice(at + 1);
  }
}

/** Anything that JSON can say, as no schema expects it. For `toJson`. */
export function hostileValue(random: Random, depth = 3): unknown {
  const kinds = depth > 0 ? 11 : 8;
  switch (random.integer(0, kinds)) {
    case 0:
      return null;
    case 1:
      return random.chance(50);
    case 2:
      return random.pick([
        0,
        -0,
        -1,
        1,
        22,
        65536,
        1.5,
        1e9,
        1e21,
        1e308,
        -1e308,
        5e-324,
        2 ** 53,
        2 ** 31,
        86400,
        86401,
      ]);
    case 3:
      return random.pick(["", " ", "1", "true", "null", "local", "22"]);
    case 4:
      return random.pick([[], {}, [[]], [{}], [null], { "": "" }]);
    case 5:
    case 6:
    case 7:
      return hostileText(random);
    case 8:
      return listOf(random, 0, 4, () => hostileValue(random, depth - 1));
    case 9:
      return random.chance(2) ? nested(random.pick([100, 10_000])) : hostileValue(random, 0);
    case 10:
      return random.chance(2) ? Array(10_000).fill(hostileValue(random, 0)) : [hostileValue(random, 0)];
    default:
      // As JSON.parse makes them: `__proto__` is a key like any other.
      return Object.fromEntries(listOf(random, 0, 4, () => [hostileText(random), hostileValue(random, depth - 1)]));
  }
}

/** A value that `toJson` writes as so many sets in sets; as a value it could not be walked. */
export const nested = (levels: number) => `(nested ${levels})`;

/** JSON as another program would write it. */
export function toJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/"\(nested (\d+)\)"/g, (_, text: string) => {
    const levels = Number(text);
    return `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
  });
}

/** Between `least` and `most` things, each made anew. */
export function listOf<T>(random: Random, least: number, most: number, make: (index: number) => T): T[] {
  return Array.from({ length: random.integer(least, most) }, (_, index) => make(index));
}

/** A copy in another order. */
export function shuffled<T>(random: Random, list: readonly T[]): T[] {
  return list
    .map((thing) => ({ thing, at: random.integer(0, 2 ** 31) }))
    .sort((one, other) => one.at - other.at)
    .map(({ thing }) => thing);
}
