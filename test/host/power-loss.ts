/** Power loss as disks have it: of what the activator wrote, only what it has synced is there afterwards. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "../lab/host.ts";

const RUNS = "/var/lib/bungee/runs";
/** What is on the disk for good. */
const SYNCED = "/root/synced";

/** As the script finds it before the real one: notes what is synced, which the lab's disk, being memory, cannot show. */
const SHIM = `#!/bin/sh
/usr/bin/sync "$@" || exit
[ $# -gt 0 ] || set -- $(find ${RUNS} -type f)
for file; do
  [ -f "$file" ] || continue
  # A run gets its name when it is whole.
  to=${SYNCED}/$(printf %s "\${file#${RUNS}/}" | sed 's|^\\.||')
  mkdir -p "\${to%/*}" && cp "$file" "$to"
done
`;

export class Mains {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
    const shim = host.disk.path("/usr/local/sbin/sync");
    mkdirSync(host.disk.path("/usr/local/sbin"), { recursive: true });
    writeFileSync(shim, SHIM);
    chmodSync(shim, 0o755);
  }

  /** Names keep, as a journal has it; files are empty, or as old as their last sync. The host starts again, and answers. */
  async fail(run: string): Promise<void> {
    await this.#host.down();
    const path = (...parts: string[]) => this.#host.disk.path(join(...parts));
    for (const entry of readdirSync(path(RUNS, run), { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const synced = path(SYNCED, run, entry.name);
      writeFileSync(path(RUNS, run, entry.name), existsSync(synced) ? readFileSync(synced) : "");
    }
    await this.#host.reset();
    await this.#host.waitSsh();
  }
}
