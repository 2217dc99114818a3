/** What a master is told besides where to go: `-o` wins over ssh_config. */

import type { Destination } from "../destination.ts";
import { quote } from "../quote.ts";
import { quickestFirst } from "../ssh2/algorithms.ts";

/** The last jump host on the way, which is logged in. */
interface Hop {
  readonly destination: Destination;
  readonly socket: string;
}

/**
 * @param path of a file in the master's own directory
 * @param asks whether somebody answers its questions
 * @returns words of its command line
 */
export function masterSettings(
  destination: Destination,
  path: (name: string) => string,
  asks: boolean,
  hop: Hop | undefined,
): string[] {
  const { hostKeys, keepalive, opensshOnly, algorithms } = destination;
  const settings = [
    "ControlMaster=yes",
    `ControlPath=${path("socket")}`,
    "ControlPersist=no",
    `BatchMode=${asks ? "no" : "yes"}`,
    // Nobody is there to be asked: a question is a no, and `no` (which lets changed keys in, too) never is what was meant.
    `StrictHostKeyChecking=${hostKeys.strict === "yes" ? "yes" : "accept-new"}`,
    "UpdateHostKeys=no",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    // A passphrase that we give is the right one, or nobody knows it.
    "NumberOfPasswordPrompts=1",
    `ServerAliveInterval=${Math.ceil(keepalive.intervalMs / 1000)}`,
    `ServerAliveCountMax=${keepalive.count}`,
    // Our own limit ends it, and says in which phase it was.
    "ConnectTimeout=3600",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "Tunnel=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
  ];
  // By this we learn which key the host showed. It knows no host: ssh's own files decide.
  if (!opensshOnly.includes("KnownHostsCommand"))
    settings.push(`KnownHostsCommand=/bin/sh -c 'echo "$1 $2" >>"$0"' ${path("key")} %I %K`);
  if (algorithms.cipher) settings.push(`Ciphers=${quickestFirst(algorithms.cipher).join(",")}`);
  if (hop) settings.push("ProxyJump=none", `ProxyCommand=${throughHop(hop)}`);
  return settings.flatMap((setting) => ["-o", setting]);
}

/** Through the hop's own connection or not at all: without a master, this ssh would go to a host of the placeholder's name. */
function throughHop(hop: Hop): string {
  const options = ["-o", "ControlMaster=no", "-o", "ProxyCommand=false", "-S", hop.socket];
  return `${quote(["ssh", "-F", "none", ...options])} -W [%h]:%p -- ${quote([hop.destination.address])}`;
}
