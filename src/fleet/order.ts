/** The order of a deployment: waves made of the nodes' `after`. Pure. */

type Edges = ReadonlyMap<string, { readonly after: readonly string[] }>;

const collator = new Intl.Collator("en", { numeric: true });

/** web2 before web10; the same on every machine. */
export function compareNames(left: string, right: string): number {
  return collator.compare(left, right) || (left < right ? -1 : left > right ? 1 : 0);
}

/**
 * Nodes of one wave may run side by side; each wave waits for the one before. A node comes as early as its `after` allows.
 * Nodes that are not selected still carry order: with web after cache after db, web waits for db even when cache stays out.
 * @param fleet every node, free of cycles; names in `after` that it lacks are ignored
 */
export function waves(fleet: Edges, selected: Iterable<string>): string[][] {
  const chosen = new Set(selected);
  const depths = new Map<string, number>();
  // How many selected nodes must at least be done one after another before this one, itself included if selected.
  const depth = (name: string): number => {
    const known = depths.get(name);
    if (known !== undefined) return known;
    depths.set(name, 0);
    const before = (fleet.get(name)?.after ?? []).map(depth);
    const own = Math.max(0, ...before) + (chosen.has(name) ? 1 : 0);
    depths.set(name, own);
    return own;
  };
  const result: string[][] = [];
  for (const name of [...chosen].sort(compareNames)) {
    const index = depth(name) - 1;
    result[index] ??= [];
    result[index].push(name);
  }
  return result;
}

/** The selected nodes that a node directly waits for: those it names, and through names that are not selected, those behind them. */
export function predecessors(fleet: Edges, selected: ReadonlySet<string>, name: string): Set<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const visit = (earlier: string): void => {
    if (seen.has(earlier)) return;
    seen.add(earlier);
    if (selected.has(earlier)) found.add(earlier);
    else fleet.get(earlier)?.after.forEach(visit);
  };
  fleet.get(name)?.after.forEach(visit);
  return found;
}

/** A chain of nodes that wait for each other, its first repeated at its end; undefined when there is none. */
export function cycleIn(fleet: Edges): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): string[] | undefined => {
    const start = path.indexOf(name);
    if (start >= 0) return [...path.slice(start), name];
    if (done.has(name)) return undefined;
    path.push(name);
    for (const next of fleet.get(name)?.after ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(name);
    return undefined;
  };
  for (const name of [...fleet.keys()].sort(compareNames)) {
    const cycle = visit(name);
    if (cycle) return cycle;
  }
  return undefined;
}
