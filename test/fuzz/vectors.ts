/** Argument vectors for whoever answers to the activator's verbs on a host: the script itself, and the gate before it. */
import type { Random } from "../chaos/random.ts";
import { hostileText, listOf, mutated } from "./hostile.ts";

/** A word as a process gets it: each character is one byte, none is NUL. */
type Bytes = string;

export interface Vector {
  readonly argv: readonly Bytes[];
  readonly stdin: Bytes;
}

/** What stands on the host that the vectors are for: words that are right make the others worse. */
export interface Known {
  /** A run that waits for its confirmation, and one that is over. */
  readonly live: string;
  readonly ended: string;
  /** The live run's: it is spoiled before it is sent. */
  readonly token: string;
  /** Store paths: a system of this host, one of another host, a path that is no system. */
  readonly system: string;
  readonly otherSystem: string;
  readonly noSystem: string;
}

const VERBS = [
  "facts",
  "begin",
  "follow",
  "status",
  "confirm",
  "abort",
  "stage",
  "dry-activate",
  "check",
  "unwrap",
  "restricted",
];
/** Verbs that only the host's own systemd is to say, and functions of the script that are no verbs. */
const NOT_FOR_US = [
  ...[
    "run",
    "guard",
    "switch-ended",
    "switch_ended",
    "dry_activate",
    "roll_back",
    "finish",
    "commit",
    "give_up",
    "settle",
  ],
  ...["reboot_into_recorded", "take_lock", "eval", "exec", ".", "source", "sh", "nix-store", "reboot", "trap", "unset"],
];
/** Of `begin`; what each takes is below. */
const KEYS = [
  ...["action", "release", "activation-timeout", "confirmation-timeout", "rollback", "any-host", "actor"],
  ...["allow-failed-units", "require-signature", "reboot", "may-reboot", "reboot-timeout", "node", "health-checks"],
  ...["profile", "profile-user", "profile-path"],
];
const PROFILE_KEYS = ["profile", "profile-user", "profile-path"];
const WORDS = [
  "yes",
  "no",
  "test",
  "switch",
  "boot",
  "auto",
  "never",
  "60",
  "1",
  "0",
  "committed",
  "awaiting-confirmation",
  "kill",
];

export function vector(random: Random, known: Known): Vector {
  const verb = random.pick([
    ...VERBS,
    ...VERBS,
    random.pick(NOT_FOR_US),
    hostileText(random),
    mutated(random, random.pick(VERBS)),
  ]);
  const argv = random.chance(1) ? [] : [verb, ...wordsFor(random, known, verb)];
  const said = verb === "check" && random.chance(80) ? checkInput(random, known) : stdin(random, known);
  return { argv: argv.map((word) => bytes(random, word)), stdin: said };
}

function wordsFor(random: Random, known: Known, verb: string): string[] {
  const one = () => word(random, known);
  const right = rightWords(random, known, verb);
  switch (random.integer(0, 5)) {
    // As it should be, but for one word: another, one more, or one less.
    case 0:
    case 1:
    case 2: {
      const at = random.integer(0, Math.max(0, right.length - 1));
      const spoiled = random.chance(50) ? mutated(random, right[at] ?? "") : one();
      return right.toSpliced(at, random.integer(0, 1), ...(random.chance(80) ? [spoiled] : []));
    }
    case 3:
      return listOf(random, 0, 12, one);
    case 4:
      return [...right, ...listOf(random, 0, 3, one)];
    default:
      return listOf(random, 0, 3, () => hostileText(random));
  }
}

function rightWords(random: Random, known: Known, verb: string): string[] {
  const id = random.pick([known.live, known.ended, "run-of-nobody"]);
  switch (verb) {
    case "begin":
      return [
        `fuzz-${random.integer(0, 1e6)}`,
        ...(random.chance(30)
          ? KEYS.map((key) => `${key}=${rightValue(key, known)}`)
          : listOf(random, 0, 9, () => pair(random, known))),
      ];
    case "follow":
      return [id, random.pick(["0", "7", "1000000"]), random.pick(["committed", "activating", "nonsense"])];
    case "check":
      return [
        random.chance(70) ? known.live : id,
        random.pick(["unit", "tcp", "http"]),
        random.pick(["http", "web.1", hostileText(random)]),
        "1",
      ];
    case "restricted": {
      const inner = random.pick([...VERBS, ...NOT_FOR_US]);
      return inner === "restricted" ? [] : [inner, ...rightWords(random, known, inner)];
    }
    case "stage":
    case "dry-activate":
      return [
        random.pick([known.otherSystem, known.noSystem]),
        random.pick(["yes", "no"]),
        random.pick(["yes", "no"]),
        ...profileWords(random, known),
      ];
    case "facts":
      return profileWords(random, known);
    case "unwrap":
      return [random.pick([known.system, known.otherSystem, known.noSystem])];
    default:
      return [id];
  }
}

const profileWords = (random: Random, known: Known) =>
  random.chance(50) ? [] : PROFILE_KEYS.map((key) => `${key}=${rightValue(key, known)}`);

function pair(random: Random, known: Known): string {
  const key = random.pick([
    random.pick(KEYS),
    random.pick(KEYS),
    mutated(random, random.pick(KEYS)),
    hostileText(random),
  ]);
  return `${key}${random.pick(["=", "=", "=", "", ":=", "=="])}${random.chance(60) ? rightValue(key, known) : word(random, known)}`;
}

function rightValue(key: string, known: Known): string {
  if (key === "action") return "switch";
  if (key === "release") return known.system;
  if (key === "actor") return "somebody";
  if (key.endsWith("timeout")) return "60";
  if (key === "reboot") return "never";
  if (key === "profile") return "blog";
  if (key === "profile-user") return "alice";
  if (key === "profile-path") return "/home/alice/blog";
  return "yes";
}

function word(random: Random, known: Known): string {
  switch (random.integer(0, 5)) {
    case 0:
      return random.pick([known.live, known.ended]);
    case 1:
      return mutated(random, random.pick([known.live, known.system, known.otherSystem, known.noSystem]));
    case 2:
      return storePath(random, known);
    case 3:
      return random.pick(WORDS);
    case 4:
      return pair(random, known);
    default:
      return hostileText(random);
  }
}

/** Paths that are nearly in the store, or lead out of it. */
function storePath(random: Random, known: Known): string {
  const name = known.system.slice("/nix/store/".length);
  return random.pick([
    `${known.system}/`,
    `${known.system}/..`,
    `${known.system}/bin/switch-to-configuration`,
    `/nix/store/../store/${name}`,
    `/nix/store//${name}`,
    `//nix/store/${name}`,
    `/nix/store/./${name}`,
    name,
    "/nix/store",
    "/nix/store/",
    "/run/current-system",
    "/nix/var/nix/profiles/system",
    `/nix/store/${"0".repeat(32)}-x`,
    `/nix/store/${"?".repeat(32)}-*`,
    `/nix/store/${"a".repeat(32)}-${hostileText(random)}`,
    `${known.system}${hostileText(random)}`,
    `${known.system}\n${known.otherSystem}`,
    `${known.system}.drv`,
    `${known.system}^out`,
  ]);
}

/** What may come as a token; never the live run's own. */
function stdin(random: Random, known: Known): Bytes {
  const token = random.pick([
    "",
    "\n",
    "0".repeat(32),
    known.token.slice(0, -1),
    `${known.token}0`,
    ` ${known.token}`,
    `${known.token} `,
    `\\${known.token}`,
    `\n${known.token}`,
    known.token.toUpperCase(),
    "*",
    hostileText(random),
    mutated(random, known.token),
  ]);
  const spoiled = token.split("\n")[0] === known.token ? `x${token}` : token;
  return bytes(random, spoiled + random.pick(["", "\n", "\nmore\n"]));
}

/** What a health check is told, with the right token: a unit, an address, a URL. */
function checkInput(random: Random, known: Known): Bytes {
  const line = () =>
    random.pick([
      "",
      "1",
      "0",
      "ssh.service",
      "127.0.0.1",
      "22",
      "http://127.0.0.1:22/",
      "80",
      "200",
      hostileText(random),
    ]);
  return bytes(random, [known.token, ...listOf(random, 0, 5, line)].join("\n"));
}

/** UTF-8, or with some bytes that are none. */
function bytes(random: Random, text: string): Bytes {
  const encoded = Buffer.from(text.replaceAll("\0", "")).toString("latin1");
  if (!random.chance(5)) return encoded;
  const at = random.integer(0, encoded.length);
  return (
    encoded.slice(0, at) + String.fromCharCode(random.integer(1, 255), random.integer(128, 255)) + encoded.slice(at)
  );
}
