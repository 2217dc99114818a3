/**
 * Selectors. Several are united; those that begin with `!` take away at the end, wherever they stand.
 *
 *     web1            a node, by its whole name
 *     web*  db[12]    names by pattern: * any text, ? one character, [abc] [a-c] one of these
 *     role=dns        a label; its value may be a pattern, too
 *     @web            a label that is only there or not, as colmena's tags: web=true
 *     role=dns+tier=prod   all of these at once
 *     !web2  !tier=test    without these
 */
import { UsageError } from "../errors.ts";
import { didYouMean } from "./nearest.ts";
import { compareNames } from "./order.ts";
import { pattern } from "./pattern.ts";

export interface Candidate {
  readonly name: string;
  /** Other names to which it answers, perhaps together with others: profiles of one host have the host's. */
  readonly also?: readonly string[];
  /** null: they could not be read, since the node's configuration cannot be evaluated. */
  readonly labels: Readonly<Record<string, string>> | null;
  readonly enable: boolean;
  /** Why it is not enabled. Default: bungee.enable = false. */
  readonly notEnabled?: string;
}

/** Whether a candidate is called so. */
export const isCalled = ({ name, also = [] }: Pick<Candidate, "name" | "also">, word: string): boolean =>
  name === word || also.includes(word);

export interface Selection {
  /** In a stable order. */
  readonly names: readonly string[];
  /** Nodes whose labels could not be read, so that nobody knows whether a label selector means them. */
  readonly undecided: readonly string[];
}

/**
 * @param all starts from every enabled node; selectors then only take away
 * @throws UsageError when nothing is chosen, a selector matches nothing, or a disabled node is named
 */
export function select(fleet: readonly Candidate[], selectors: readonly string[], all = false): Selection {
  const included = selectors.filter((selector) => !isExclusion(selector, fleet));
  const excluded = selectors.filter((selector) => isExclusion(selector, fleet)).map((selector) => selector.slice(1));
  if (all && included.length > 0) {
    throw new UsageError(`--all and ${included.join(" ")} say different things`, { mend: "give one of them" });
  }
  if (!all && included.length === 0) {
    throw new UsageError("no node is chosen", { mend: "name nodes or labels, or say --all" });
  }

  const enabled = fleet.filter((candidate) => candidate.enable);
  const chosen = new Set(all ? enabled : included.flatMap((selector) => matches(selector, fleet)));
  const undecided = new Set(included.flatMap((selector) => doubtful(selector, enabled)));
  for (const selector of excluded) {
    for (const candidate of matches(selector, fleet, true)) chosen.delete(candidate);
    // Labels that may say "not this one" and cannot be read: it is left out, and told.
    for (const candidate of doubtful(selector, enabled)) if (chosen.delete(candidate)) undecided.add(candidate);
  }
  if (chosen.size === 0) throw nothingLeft(enabled, undecided);
  const names = [...chosen].map((candidate) => candidate.name).sort(compareNames);
  const open = [...undecided].filter((candidate) => !chosen.has(candidate)).map((candidate) => candidate.name);
  return { names, undecided: open.sort(compareNames) };
}

function nothingLeft(enabled: readonly Candidate[], undecided: ReadonlySet<Candidate>): UsageError {
  if (enabled.length === 0) {
    return new UsageError("every node is disabled", { mend: "set bungee.enable = true for some" });
  }
  if (undecided.size === 0) return new UsageError("nothing is left of the nodes chosen", { mend: "take away fewer" });
  const names = [...undecided].map(({ name }) => name).sort(compareNames);
  return new UsageError(`no node is chosen for certain: the labels of ${names.join(", ")} cannot be read`, {
    mend: "correct their configuration, or name nodes instead of labels",
  });
}

/** A node may be named "!web1" for all we know; then the name wins. */
function isExclusion(selector: string, fleet: readonly Candidate[]): boolean {
  return selector.startsWith("!") && !fleet.some((candidate) => isCalled(candidate, selector));
}

function matches(selector: string, fleet: readonly Candidate[], taking = false): Candidate[] {
  const called = fleet.filter((candidate) => isCalled(candidate, selector));
  const [first] = called;
  if (first !== undefined) {
    const some = taking ? called : called.filter((candidate) => candidate.enable);
    if (some.length > 0) return some;
    throw new UsageError(`${selector} is disabled (${first.notEnabled ?? "bungee.enable = false"})`, {
      mend: `enable it, or leave ${selector} out`,
    });
  }
  const test = compile(selector);
  const found = fleet.filter((candidate) => test(candidate) === true);
  const usable = taking ? found : found.filter((candidate) => candidate.enable);
  if (usable.length > 0 || fleet.some((candidate) => test(candidate) === undefined)) return usable;
  if (found.length > 0) {
    const [why] = found.flatMap(({ notEnabled = [] }) => notEnabled);
    throw new UsageError(
      `${selector} matches only disabled nodes: ${found.map(({ name }) => name).join(", ")}${why ? ` (${why})` : ""}`,
      {
        mend: "set bungee.enable = true for them, or choose others",
      },
    );
  }
  throw new UsageError(`${selector} matches no node${suggestion(selector, fleet)}`, {
    mend: "`bungee nodes` lists names and labels",
  });
}

function doubtful(selector: string, fleet: readonly Candidate[]): Candidate[] {
  if (fleet.some((candidate) => isCalled(candidate, selector))) return [];
  const test = compile(selector);
  return fleet.filter((candidate) => test(candidate) === undefined);
}

/** undefined: cannot be known. */
type Test = (candidate: Candidate) => boolean | undefined;

function compile(selector: string): Test {
  const terms = selector.split("+").map(term);
  return (candidate) => {
    const answers = terms.map((test) => test(candidate));
    return answers.includes(false) ? false : answers.includes(undefined) ? undefined : true;
  };
}

function term(text: string): Test {
  const equals = text.indexOf("=");
  if (text === "" || text === "@" || equals === 0) {
    throw new UsageError(`${JSON.stringify(text)} is not a selector`, {
      mend: "write a name, a pattern, or label=value",
    });
  }
  if (equals < 0 && text.startsWith("@")) {
    const isMeant = pattern(text.slice(1));
    return ({ labels }) =>
      labels === null ? undefined : Object.entries(labels).some(([key, value]) => value === "true" && isMeant(key));
  }
  if (equals < 0) {
    const isMeant = pattern(text);
    return ({ name, also = [] }) => [name, ...also].some(isMeant);
  }
  const key = text.slice(0, equals);
  const isMeant = pattern(text.slice(equals + 1));
  return ({ labels }) => (labels === null ? undefined : Object.hasOwn(labels, key) && isMeant(labels[key] ?? ""));
}

function suggestion(selector: string, fleet: readonly Candidate[]): string {
  const equals = selector.indexOf("=");
  const labels = fleet.flatMap(({ labels: some }) =>
    Object.entries(some ?? {}).map(([key, value]) => `${key}=${value}`),
  );
  if (selector.startsWith("@")) {
    const tags = labels.flatMap((label) => (label.endsWith("=true") ? `@${label.slice(0, -"=true".length)}` : []));
    return didYouMean(selector, tags);
  }
  return didYouMean(selector, equals < 0 ? fleet.flatMap(({ name, also = [] }) => [name, ...also]) : labels);
}
