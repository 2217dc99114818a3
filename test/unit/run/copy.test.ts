/** Which of two ends of a tunnel is told of. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type BungeeError, ConnectionLostError, CopyError } from "../../../src/errors.ts";
import type { StoreTunnel } from "../../../src/host/store-tunnel.ts";
import { withTunnel } from "../../../src/run/copy.ts";

describe("a failure of nix, of which the tunnel knows", () => {
  const nix = new CopyError("nix copy failed", { mend: "see above", detail: "error: unexpected end-of-file" });
  const daemon = new CopyError("nix-daemon on web1 ended with 1", { mend: "look", detail: "no room", node: "web1" });
  const lost = new ConnectionLostError("the connection to web1 is lost", { mend: "" });
  const told = async (problem: BungeeError | undefined, signal = new AbortController().signal) =>
    withTunnel({ problem: () => problem } as StoreTunnel, signal, () => Promise.reject(nix)).catch((error) => error);

  it("nothing: it is nix's own", async () => assert.equal(await told(undefined), nix));
  it("that the line broke: that", async () => assert.equal(await told(lost), lost));
  it("that nobody wants it any more: what nix said", async () =>
    assert.equal(await told(daemon, AbortSignal.abort()), nix));

  it("why the daemon ended: both", async () => {
    const { message, detail, mend, node } = await told(daemon);
    assert.deepEqual([message, mend, node], [daemon.message, daemon.mend, "web1"]);
    assert.equal(detail, "there: no room\nhere: error: unexpected end-of-file");
  });
});
