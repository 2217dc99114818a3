/** Many calls become few: nix does better with much at once than with as many processes. */

/** What comes while `work` is under way waits for it to end, and then goes in one call. Each caller is given the result of its call. */
export function together<Item, Result>(
  work: (items: readonly Item[]) => Promise<Result>,
): (item: Item) => Promise<Result> {
  let waiting: Item[] = [];
  let last: Promise<unknown> = Promise.resolve();
  let next: Promise<Result> | undefined;
  const start = () => {
    const items = waiting;
    waiting = [];
    next = undefined;
    return work(items);
  };
  return (item) => {
    waiting.push(item);
    // One turn of the loop, so that what is ready together goes together.
    next ??= last.then(() => new Promise(setImmediate)).then(start);
    last = next.catch(() => {});
    return next;
  };
}
