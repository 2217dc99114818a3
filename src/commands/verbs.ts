/** All verbs, in the order in which --help lists them. */
import { ciVerb } from "./ci.ts";
import { deployVerb } from "./deploy.ts";
import { initVerb } from "./init.ts";
import { metricsVerb } from "./metrics.ts";
import { migrateVerb } from "./migrate.ts";
import { nodesVerb } from "./nodes.ts";
import { planVerb } from "./plan.ts";
import { pushCacheVerb } from "./push-cache.ts";
import type { Verb } from "./verb.ts";

export const VERBS: readonly Verb[] = [
  deployVerb,
  planVerb,
  nodesVerb,
  ciVerb,
  pushCacheVerb,
  metricsVerb,
  initVerb,
  migrateVerb,
];
