/** The order of a deployment: waves made of the nodes' `after`. Pure. */

type Edges = ReadonlyMap<string, { readonly after: readonly string[] }>;

const collator = new Intl.Collator("en", { numeric: true });

/** web2 before web10; the same on every machine. */
export function compareNames(left: string, right: string): number {
  return collator.compare(left, right) || (left < right ? -1 : left > right ? 1 : 0);
}

// Nothing here calls itself: a chain of nodes may be longer than the stack.

/**
 * Nodes of one wave may run side by side; each wave waits for the one before. A node comes as early as its `after` allows.
 * Nodes that are not selected still carry order: with web after cache after db, web waits for db even when cache stays out.
 * @param fleet every node, free of cycles; names in `after` that it lacks are ignored
 */
export function waves(fleet: Edges, selected: Iterable<string>): string[][] {
  const chosen = new Set(selected);
  const names = [...chosen].sort(compareNames);
  const depths = depthsOf(fleet, chosen, names);
  const result: string[][] = [];
  for (const name of names) {
    const index = depths.get(name)! - 1;
    result[index] ??= [];
    result[index].push(name);
  }
  return result;
}

/** How many of the chosen must at least be done one after another before each of `names`, itself included if chosen. */
function depthsOf(fleet: Edges, chosen: ReadonlySet<string>, names: readonly string[]): ReadonlyMap<string, number> {
  const depths = new Map<string, number>();
  const opened = new Set<string>();
  const open = [...names];
  while (open.length > 0) {
    const name = open.at(-1)!;
    const before = fleet.get(name)?.after ?? [];
    const first = !opened.has(name);
    opened.add(name);
    const unknown = first ? before.filter((earlier) => !opened.has(earlier)) : [];
    for (const earlier of unknown) open.push(earlier);
    if (unknown.length > 0) continue;
    open.pop();
    const deepest = before.reduce((most, earlier) => Math.max(most, depths.get(earlier) ?? 0), 0);
    depths.set(name, deepest + (chosen.has(name) ? 1 : 0));
  }
  return depths;
}

/** The selected nodes that a node directly waits for: those it names, and through names that are not selected, those behind them. */
export function predecessors(fleet: Edges, selected: ReadonlySet<string>, name: string): Set<string> {
  const found = new Set<string>();
  // A set grows while it is walked.
  const seen = new Set(fleet.get(name)?.after);
  for (const earlier of seen) {
    if (selected.has(earlier)) found.add(earlier);
    else for (const further of fleet.get(earlier)?.after ?? []) seen.add(further);
  }
  return found;
}

/** A chain of nodes that wait for each other, its first repeated at its end; undefined when there is none. */
export function cycleIn(fleet: Edges): string[] | undefined {
  const done = new Set<string>();
  for (const start of [...fleet.keys()].sort(compareNames)) {
    const path: string[] = [];
    // For each name of the path, what it comes after and was not looked at yet.
    const left: Iterator<string>[] = [];
    const enter = (name: string) => {
      if (done.has(name)) return;
      path.push(name);
      left.push((fleet.get(name)?.after ?? []).values());
    };
    enter(start);
    while (path.length > 0) {
      const next = left.at(-1)!.next();
      if (next.done) {
        done.add(path.pop()!);
        left.pop();
        continue;
      }
      const begin = path.indexOf(next.value);
      if (begin >= 0) return [...path.slice(begin), next.value];
      enter(next.value);
    }
  }
  return undefined;
}
