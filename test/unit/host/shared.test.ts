import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LoginError } from "../../../src/errors.ts";
import type { Channel } from "../../../src/host/connection.ts";
import { ChannelRefused, SharedConnection, type Wire } from "../../../src/host/shared.ts";

/** A host with MaxSessions 1, which may refuse that one, too: sshd reads our CLOSE and the next OPEN at once, and frees the session later. */
class OneChannel implements Wire {
  readonly address = "192.0.2.1";
  readonly user = "root";
  readonly silenceMs = 20_000;
  /** How often the only channel is refused from now on. */
  refusals = 0;
  onRefusal: () => void = () => {};
  #taken = false;

  watch(): void {}

  async exec(_line: string, _lost: AbortSignal, closed: () => void): Promise<Channel> {
    if (this.#taken || this.refusals > 0) {
      if (!this.#taken) this.refusals -= 1;
      this.onRefusal();
      throw new ChannelRefused("open failed");
    }
    this.#taken = true;
    const close = () => {
      this.#taken = false;
      closed();
    };
    return { close } as Channel;
  }

  async end(): Promise<void> {}
}

describe("a host that allows one channel", () => {
  it("may refuse it at each hand-over, however long the next has waited for its turn", async (t) => {
    let now = 0;
    t.mock.method(performance, "now", () => now);
    const wire = new OneChannel();
    const connection = new SharedConnection("web1", wire);
    let channel = await connection.open({ argv: ["true"] });
    for (let handOver = 0; handOver < 3; handOver++) {
      const next = connection.open({ argv: ["true"] });
      now += 60_000;
      wire.refusals = 1;
      channel.close();
      channel = await next;
      assert.equal(wire.refusals, 0);
    }
    channel.close();
    await connection.close();
  });

  it("and goes on refusing it is asked for a moment, not for ever", async (t) => {
    let now = 0;
    t.mock.method(performance, "now", () => now);
    const wire = new OneChannel();
    wire.refusals = Number.POSITIVE_INFINITY;
    wire.onRefusal = () => (now += 1000);
    const connection = new SharedConnection("web1", wire);
    await assert.rejects(connection.open({ argv: ["true"] }), (error) => {
      assert.ok(error instanceof LoginError);
      assert.match(error.message, /refuses every session/);
      return true;
    });
    assert.ok(now > 3000 && now < 10_000, String(now));
    await connection.close();
  });
});
