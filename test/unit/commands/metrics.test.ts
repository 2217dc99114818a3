/** Where metrics can be listened for: what is meant, and what is refused before anything is read. */
import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { fileURLToPath } from "node:url";
import { metricsVerb, oneOfEachHost, readListen } from "../../../src/commands/metrics.ts";
import { UsageError } from "../../../src/errors.ts";
import type { Node } from "../../../src/fleet/node.ts";
import { runLocal } from "../../../src/process.ts";
import { useFlakes } from "../fleet/flakes.ts";
import { withoutNix } from "../nix/real-nix.ts";
import { fakeStreams } from "./streams.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
const typed = (listen: string, ...selectors: string[]) => ({ selectors, flags: new Map([["listen", listen]]) });

test("--listen is a port of this machine alone, unless an address is said", () => {
  assert.equal(readListen({ selectors: [], flags: new Map() }), undefined);
  assert.deepEqual(readListen(typed("9199")), { address: "127.0.0.1", port: 9199 });
  assert.deepEqual(readListen(typed("0.0.0.0:9199")), { address: "0.0.0.0", port: 9199 });
  assert.deepEqual(readListen(typed("[::1]:9199")), { address: "::1", port: 9199 });
  assert.deepEqual(readListen(typed("mon.example.org:80")), { address: "mon.example.org", port: 80 });
});

for (const listen of [
  "",
  "x",
  ":9199",
  "65536",
  "1e3",
  "-1",
  "::1:9199",
  "127.0.0.1",
  "http://127.0.0.1:9199",
  "a b:1",
]) {
  test(`--listen ${JSON.stringify(listen)} is refused`, () => {
    assert.throws(
      () => metricsVerb.prepare(typed(listen), fakeStreams({ terminal: false })),
      (error) => {
        assert.ok(error instanceof UsageError);
        assert.equal(error.message, `--listen is ${listen || "empty"}`);
        return true;
      },
    );
  });
}

test("the profiles of one host are one host", () => {
  const node = (name: string, address: string, port?: number) =>
    ({ name, addresses: [address], port }) as unknown as Node;
  const nodes = [node("web1", "a"), node("web1.blog", "a"), node("web2", "b"), node("web3", "b", 2222)];
  assert.deepEqual(
    oneOfEachHost({ nodes }).nodes.map(({ name }) => name),
    ["web1", "web2", "web3"],
  );
});

describe("of a fleet of deploy-rs", { skip: withoutNix }, () => {
  const flakes = useFlakes();

  it("a host with several profiles is asked once", async () => {
    // Nobody listens there.
    const nodes = `deploy.nodes.web1 = {
      hostname = "127.0.0.1"; sshOpts = [ "-p" "1" ]; sshUser = "root";
      profiles.system.path = ""; profiles.blog.path = "";
    };`;
    const argv = [process.execPath, MAIN, "metrics", "--flake", flakes.flake("metrics", {}, nodes)] as const;
    const { code, stdout, stderr } = await runLocal({ argv }, { env: { NO_COLOR: "1", FORCE_COLOR: undefined } });
    assert.equal(code, 1, stderr);
    assert.deepEqual(stdout.match(/^bungee_host_up\{.*$/gm), ['bungee_host_up{host="web1",node="web1"} 0']);
    assert.equal(stderr.match(/^error: /gm)?.length, 1, stderr);
  });
});
