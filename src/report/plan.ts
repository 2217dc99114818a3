/** The plan as a person reads it, before anything is done; and as versioned JSON. */
import type { Action, Reboot } from "../run/outcome.ts";
import type { NodePlan, Plan } from "../run/plan.ts";
import { messageOf, renderDetail, renderMend } from "./error.ts";
import { formatRelease, plural } from "./format.ts";
import { stringify } from "./json.ts";
import type { Style } from "./style.ts";
import { clean, cleanLines, pad, width } from "./text.ts";

export interface PlanOptions {
  readonly style: Style;
  /** All lines of the diffs. */
  readonly verbose: boolean;
}

/** Lines of a diff that are shown for one node. */
const DIFF_LINES = 12;

export function renderPlan(plan: Plan, options: PlanOptions): string[] {
  const names = inOrder(plan).filter((name) => plan.nodes[name]!.kind !== "unchanged");
  const columns = Math.max(0, ...names.map((name) => width(clean(name))));
  const blocks = names.flatMap((name) =>
    renderNodePlan(plan.nodes[name]!, plan.action, options).map((line, index) =>
      index === 0 ? `${pad(options.style.strong(clean(name)), columns)}  ${line}` : `${" ".repeat(columns)}  ${line}`,
    ),
  );
  return [...blocks, ...(blocks.length > 0 ? [""] : []), ...renderPlanEnd(plan, options)];
}

/** The first line says what will be done with the node, the others why, and what comes with it. */
export function renderNodePlan(plan: NodePlan, action: Action, { style, verbose }: PlanOptions): string[] {
  switch (plan.kind) {
    case "unchanged":
      return [`${style.dim("unchanged")}  ${formatRelease(plan.release)}`];
    case "skip":
      return [`${style.warn("skip")}  ${cleanLines(plan.why).join(" ")}`];
    case "failed":
      return [
        `${style.bad("failed")}  ${cleanLines(messageOf(plan.why)).join(" ")}`,
        ...renderDetail(plan.why, style),
        ...renderMend(plan.why.mend, style),
      ];
    case "deploy": {
      const { release, now, warnings, diff, needsReboot, reboot } = plan;
      const shown = verbose ? (diff ?? []) : (diff ?? []).slice(0, DIFF_LINES);
      const left = (diff?.length ?? 0) - shown.length;
      return [
        `${style.good(action)}  ${formatRelease(clean(release))}`,
        ...(now?.running && now.running !== release ? [`  replaces ${formatRelease(clean(now.running))}`] : []),
        ...shown.map((line) => `  ${style.dim("│")} ${clean(line)}`),
        ...(left > 0 ? [`  ${style.dim("│")} … ${plural(left, "more change")}: --verbose shows all`] : []),
        ...rebootOf(action, reboot, needsReboot).map((line) => style.warn(`  ${line}`)),
        ...warnings.map((warning) => style.warn(`  warning: ${cleanLines(warning).join(" ")}`)),
      ];
    }
  }
}

function rebootOf(action: Action, reboot: Reboot, needed: boolean | null): string[] {
  if (reboot === "always") return ["is rebooted, and boots its old system again unless it is confirmed"];
  if (reboot === "auto" && needed === null) return ["is rebooted if its kernel, initrd or modules change"];
  if (reboot === "auto" && needed) return ["is rebooted: its kernel, initrd or modules change"];
  return needed ? [REBOOT[action] ?? "its kernel, initrd or modules change"] : [];
}

const REBOOT: Partial<Record<Action, string>> = {
  switch: "needs a reboot: its kernel, initrd or modules change",
  test: "its kernel, initrd or modules differ: the running ones stay",
  boot: "its kernel, initrd or modules change at the next reboot",
};

/** The nodes with nothing to do, the order where there is one, and the count. */
export function renderPlanEnd(plan: Plan, { style }: Pick<PlanOptions, "style">): string[] {
  const unchanged = inOrder(plan).filter((name) => plan.nodes[name]!.kind === "unchanged");
  const waves = plan.waves.filter((wave) => wave.length > 0);
  const order = waves.map((wave, index) => `${index + 1}. ${wave.map(clean).join(", ")}`).join("  then  ");
  const counts = Map.groupBy(Object.values(plan.nodes), ({ kind }) => kind);
  const parts = COUNTED.flatMap(([kind, word]) => (counts.has(kind) ? [`${counts.get(kind)!.length} ${word}`] : []));
  return [
    ...(unchanged.length > 0 ? [style.dim(`unchanged: ${unchanged.map(clean).join(", ")}`)] : []),
    ...(waves.length > 1 ? [`order: ${order}`] : []),
    style.strong(`plan: ${parts.length > 0 ? parts.join(", ") : "no hosts"}`),
  ];
}

const COUNTED: readonly (readonly [NodePlan["kind"], string])[] = [
  ["deploy", "to deploy"],
  ["unchanged", "unchanged"],
  ["skip", "to skip"],
  ["failed", "failed"],
];

/** The nodes wave by wave, then those that are in none. */
function inOrder(plan: Plan): string[] {
  return [...new Set([...plan.waves.flat(), ...Object.keys(plan.nodes)])].filter((name) => plan.nodes[name]);
}

export function planToJson(plan: Plan): string {
  return stringify(plan, 2);
}
