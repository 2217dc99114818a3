/** Which nodes a command is about: by its selectors, by the flake's fragment, or by asking. */
import { type EvaluationError, InterruptedError, UsageError } from "../errors.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Node } from "../fleet/node.ts";
import { select } from "../fleet/select.ts";
import { ask, listChoices, readChoice } from "./ask.ts";
import type { Streams } from "./verb.ts";

export interface Wanted {
  readonly selectors: readonly string[];
  readonly all: boolean;
}

export interface Chosen {
  readonly nodes: readonly Node[];
  /** Chosen, or perhaps meant by a label, and not readable: they fail, the others are deployed. */
  readonly broken: ReadonlyMap<string, EvaluationError>;
  /** Nobody named any of them. */
  readonly all?: boolean;
}

/** @throws UsageError */
export function choose(fleet: Fleet, wanted: Wanted): Chosen {
  const named = fleet.named !== null && wanted.selectors.length === 0 && !wanted.all;
  const { names, undecided } = select(fleet.candidates, named ? [fleet.named] : wanted.selectors, wanted.all);
  return {
    nodes: names.flatMap((name) => fleet.nodes.get(name) ?? []),
    broken: new Map(
      [...names, ...undecided].flatMap((name) => (fleet.broken.has(name) ? [[name, fleet.broken.get(name)!]] : [])),
    ),
    all: wanted.all && wanted.selectors.length === 0,
  };
}

/** Off a terminal a choice was made: the flags were checked. */
export async function chooseOrAsk(
  fleet: Fleet,
  wanted: Wanted,
  streams: Streams,
  signal?: AbortSignal,
): Promise<Chosen> {
  const says = wanted.all || wanted.selectors.length > 0 || fleet.named !== null;
  return says ? choose(fleet, wanted) : askForNodes(fleet, streams, signal);
}

async function askForNodes(fleet: Fleet, streams: Streams, signal: AbortSignal | undefined): Promise<Chosen> {
  const nodes = [...fleet.nodes.values()].filter((node) => node.enable);
  streams.stderr.write(`${listChoices(nodes).join("\n")}\n`);
  for (;;) {
    const question = 'Which hosts? Numbers, names, labels (role=dns), !without, or "all": ';
    const answer = await ask(question, streams, signal);
    if (answer === null || answer === "") {
      throw new InterruptedError("no host was chosen; nothing was done", { mend: "name hosts, or say --all" });
    }
    const words = readChoice(answer, nodes);
    try {
      return choose(fleet, words === "all" ? { selectors: [], all: true } : { selectors: words, all: false });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      streams.stderr.write(`${error.message}; ${error.mend}\n`);
    }
  }
}
