/** What a report says of a deployment that bungee leaves in the middle: for each host how it ended, or that it decides for itself. */
import { describeError } from "../errors.ts";
import { interrupted } from "../run/deploy.ts";
import type { Event, EventBody, Stage } from "../run/events.ts";
import type { Outcome } from "../run/outcome.ts";

/** From the first of these on a run is under way on the host. */
const ON_THE_HOST: readonly Stage[] = ["activate", "reboot", "confirm", "commit", "roll-back"];

export class Leaving {
  #started: Extract<Event, { type: "deployment-started" }> | undefined;
  readonly #stages = new Map<string, Stage>();
  readonly #outcomes = new Map<string, Outcome>();

  follow(event: Event): void {
    if (event.type === "deployment-started") this.#started = event;
    if (event.type === "stage-started") this.#stages.set(event.node, event.stage);
    if (event.type === "node-finished") this.#outcomes.set(event.node, event.outcome);
  }

  /** The events that close the report. */
  end(exitCode: number): EventBody[] {
    if (this.#started === undefined) {
      return [{ type: "command-failed", error: describeError(interrupted()), exitCode }];
    }
    const { deployment, nodes, at } = this.#started;
    const ms = Date.now() - Date.parse(at);
    const left = nodes.filter((node) => !this.#outcomes.has(node));
    for (const node of left) this.#outcomes.set(node, leftBehind(node, this.#stages.get(node)));
    return [
      ...left.map((node): EventBody => ({ type: "node-finished", node, outcome: this.#outcomes.get(node)!, ms })),
      { type: "deployment-finished", deployment, outcomes: Object.fromEntries(this.#outcomes), exitCode, ms },
    ];
  }
}

function leftBehind(node: string, stage: Stage | undefined): Outcome {
  if (stage === undefined || !ON_THE_HOST.includes(stage)) {
    return { kind: "skipped", why: "interrupted before anything was touched" };
  }
  return {
    kind: "unknown",
    why: {
      code: "interrupted",
      message: "bungee left while a run was under way: the host decides for itself",
      mend: "look at it when its timeouts are over: if nobody confirmed, it is back at what it ran",
    },
    lastSeen: `in the stage ${stage}`,
    howToLook: `bungee plan ${node}`,
  };
}
