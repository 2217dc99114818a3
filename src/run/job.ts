/** What one node's pipeline has at hand. */
import type { EvaluationError } from "../errors.ts";
import type { Evaluated, Node } from "../fleet/node.ts";
import type { Secrets } from "../host/secrets.ts";
import type { Emit } from "./events.ts";
import type { Action, Reboot } from "./outcome.ts";
import type { Plan } from "./plan.ts";
import type { CacheHost } from "./push.ts";
import type { Session } from "./session.ts";
import type { Stages } from "./stages.ts";

export interface DeployRequest {
  /** [0-9a-z-]; names the runs that are started together. */
  readonly deployment: string;
  /** Every node there is, by name: those that are not deployed still carry order. */
  readonly fleet: ReadonlyMap<string, Node>;
  /** What to deploy: the flags of the command line are in it already. */
  readonly nodes: readonly Node[];
  /** Selected too, but their settings cannot be evaluated. */
  readonly broken: ReadonlyMap<string, EvaluationError>;
  readonly action: Action;
  readonly reboot: Reboot;
  /** Hosts worked on at once. */
  readonly parallel: number;
  readonly allowHostNameChange: boolean;
  /** Seconds to wait for a host that another run holds. 0: that is an error at once. */
  readonly lockWait: number;
  /** Who and from where, for the lock and the history on the host. */
  readonly actor: string;
  /** Stops after the plan. */
  readonly dryRun: boolean;
  /** Asked with the whole plan before anything is built; without it the plan goes ahead node by node. */
  readonly approve?: ((plan: Plan) => Promise<boolean>) | undefined;
  readonly evaluate: (node: string) => Promise<Evaluated>;
  /** Where what is built goes, with the action `build`. */
  readonly cache?: CacheHost | undefined;
  /** Asked for before anything is built; left out: nobody can be asked. */
  readonly secrets?: Secrets | undefined;
}

export interface Job {
  readonly request: DeployRequest;
  readonly node: Node;
  /** Position of the node in the deployment; makes run ids short and distinct. */
  readonly serial: number;
  readonly session: Session;
  readonly stages: Stages;
  readonly emit: Emit;
  /** One line; what nix says is for --verbose. */
  readonly log: (source: "nix" | "activation", line: string) => void;
  /** Aborted when no new work may start. */
  readonly interruption: AbortSignal;
  /** Keeps what was evaluated from the garbage collector, until the deployment ends. */
  readonly keep: (evaluated: Evaluated) => Promise<void>;
  /** Builds the node's system where its settings say, and keeps it from the garbage collector until the deployment ends. */
  readonly build: () => Promise<Evaluated>;
}
