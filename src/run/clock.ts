import { setTimeout as sleep } from "node:timers/promises";

/** @throws the signal's reason */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, signal ? { signal } : {}).catch((error: unknown) => {
    // Node throws an error of its own, which only carries the reason.
    signal?.throwIfAborted();
    throw error;
  });
}
