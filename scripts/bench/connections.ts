/** Counts the TCP connections that hosts are asked for: each begins with one SYN. */
import type { Host } from "../../test/lab/host.ts";

const COUNT = `nft -f - <<'RULES'
table inet bench {
  counter connections { }
  chain input {
    type filter hook input priority filter - 10;
    iifname host0 tcp flags & (syn | ack) == syn counter name connections
  }
}
RULES`;

/** Counts from now on; `end` gives the number for each host. */
export async function countConnections(hosts: readonly Host[]): Promise<{ end(): Promise<number[]> }> {
  await Promise.all(hosts.map((host) => host.output(COUNT)));
  return { end: () => Promise.all(hosts.map(read)) };
}

async function read(host: Host): Promise<number> {
  const listing = await host.output("nft --json list counter inet bench connections; nft delete table inet bench");
  const { nftables } = JSON.parse(listing) as { nftables: { counter?: { packets: number } }[] };
  return nftables.find(({ counter }) => counter !== undefined)!.counter!.packets;
}
