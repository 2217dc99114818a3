/**
 * A host's nix store, over one line after the other. A line that falls silent leaves its nix-daemons on the host: its kernel may take the line
 * for whole for two hours, and for so long they would hold the locks of what was on its way.
 */
import { randomBytes } from "node:crypto";
import type { Connection } from "./connection.ts";
import { openStoreTunnel, type StoreTunnel } from "./store-tunnel.ts";

interface Opening {
  /** As root, as a store tunnel has it. What a gated user's line has left is ended by the host's own sshd (nix/gated-sshd.nix). */
  readonly root: boolean;
  readonly signal?: AbortSignal;
}

export class HostStore {
  /** In the environment of all daemons that are started for this store. */
  readonly #mark = `BUNGEE_STORE=${randomBytes(8).toString("hex")}`;
  #last: Connection | undefined;

  /** Ends first what another line may have left. @throws ConnectionLostError */
  async open(connection: Connection, { root, signal }: Opening): Promise<StoreTunnel> {
    if (!root) return await openStoreTunnel(connection);
    if (this.#last !== undefined && this.#last !== connection) {
      await connection.run({ argv: ["sh", "-c", END_DAEMONS, "sh", this.#mark], root }, signal ? { signal } : {});
    }
    this.#last = connection;
    return await openStoreTunnel(connection, { root, environment: [this.#mark] });
  }
}

/** nix ends its builders when it is told to end, but in the middle of a copy some versions wait for more. */
const END_DAEMONS = `
mark=$1
daemons() { grep -lsxzF -- "$mark" /proc/[0-9]*/environ | cut -d / -f 3; }
end() { for pid in $(daemons); do kill -s "$1" "$pid" 2>/dev/null; done; }
end TERM
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -n "$(daemons)" ] || exit 0; sleep 0.1; done
end KILL
`;
