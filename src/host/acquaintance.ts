/** Whether there is any key to know a host by, before anything is sent to it. Asks no host. */
import pLimit from "p-limit";
import { BungeeError, HostKeyError } from "../errors.ts";
import type { Target } from "./connection.ts";
import { type Destination, resolveDestination } from "./destination.ts";
import { readHostKeyRing } from "./host-key.ts";

export interface Look {
  /** As `ssh -F` has it. */
  readonly configFile?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `ssh -G` at once. */
const AT_ONCE = 8;
const NAMED = 10;

/**
 * Whether the key is the right one shows when the host is there; a host of which no address is known could only be refused.
 * @throws HostKeyError naming every such host
 */
export async function demandKnownHosts(targets: readonly Target[], look: Look): Promise<void> {
  const limit = pLimit(AT_ONCE);
  const found = await Promise.all(targets.map((target) => limit(() => strangeDestination(target, look))));
  const strange = found.filter((destination) => destination !== undefined);
  const [first] = strange;
  if (first === undefined) return;
  const names = targets.flatMap(({ node, addresses }, index) => {
    if (found[index] === undefined) return [];
    return addresses.length === 1 && addresses[0] === node ? [node] : [`${node} (${addresses.join(", ")})`];
  });
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : "";
  const { hostKeys, hostname, port } = first;
  const scan = `ssh-keyscan ${port === 22 ? "" : `-p ${port} `}-t ed25519 ${hostname}`;
  throw new HostKeyError(
    `no host key is known of ${names.slice(0, NAMED).join(", ")}${more}: nothing was sent to any host`,
    {
      detail: `looked into: ${[...hostKeys.userFiles, ...hostKeys.globalFiles].join(", ")}`,
      mend: `by hand, where you trust the way: ${scan} >known_hosts, compare its fingerprint (ssh-keygen -lf known_hosts) with the host's own (there: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), and give that file to the job`,
    },
  );
}

/** undefined: a key, or an authority, is known for one of its addresses; or only ssh itself could say. */
async function strangeDestination(target: Target, look: Look): Promise<Destination | undefined> {
  let strange: Destination | undefined;
  for (const address of target.addresses) {
    const { user, port, identityFile, sshOptions } = target;
    const query = { address, user, port, identityFile, sshOptions };
    const destination = await resolveDestination(query, look).catch((error: unknown) => {
      if (error instanceof BungeeError) error.node = target.node;
      throw error;
    });
    if (destination.opensshOnly.some((option) => KNOWS_ITSELF.includes(option))) return undefined;
    const { entries, portless } = await readHostKeyRing(destination);
    if ([...entries, ...portless].some(({ marker }) => marker !== "revoked")) return undefined;
    strange ??= destination;
  }
  return strange;
}

const KNOWS_ITSELF = ["KnownHostsCommand", "VerifyHostKeyDNS"];
