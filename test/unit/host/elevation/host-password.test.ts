import assert from "node:assert/strict";
import { test } from "node:test";
import { HostPassword } from "../../../../src/host/elevation/host-password.ts";
import { Secrets } from "../../../../src/host/secrets.ts";

test("a password that a host took, and takes no more, is tried once again, after a minute", async (t) => {
  let now = 1000;
  t.mock.method(performance, "now", () => now);
  using secrets = new Secrets({ prompt: async () => Buffer.from("secret") });
  const host = new HostPassword("web1", secrets);
  const password = (await host.next("alice"))!;
  host.settle(password, "accepted");
  assert.equal(await host.next("alice"), password);
  host.settle(password, "refused");
  assert.equal(host.mayBeKnown, false);
  assert.equal(await host.next("alice"), undefined, "not at once: three failures lock the account");
  now += 61_000;
  assert.equal(await host.next("alice"), password, "the host may have gone back to the system with this password");
  host.settle(password, "refused");
  now += 61_000;
  assert.equal(await host.next("alice"), undefined);
  assert.equal(host.refusedAccount, "alice");

  const returned = new HostPassword("web2", secrets);
  returned.settle((await returned.next("alice"))!, "accepted");
  returned.settle((await returned.next("alice"))!, "refused");
  now += 61_000;
  returned.settle((await returned.next("alice"))!, "accepted");
  assert.equal(await returned.next("alice"), password, "all is as before");
});

test("commands at once wait for the verdict on the first one's password", async () => {
  const answers = ["wrong", "right"];
  using secrets = new Secrets({ prompt: async () => Buffer.from(answers.shift()!) });
  // What another host took is given at once; here it is another one's.
  const other = new HostPassword("web0", secrets);
  other.settle((await other.next("alice"))!, "accepted");
  const host = new HostPassword("web1", secrets);
  const wrong = (await host.next("alice"))!;
  assert.equal(String(wrong), "wrong");
  const second = host.next("alice");
  const third = host.next("alice");
  assert.equal(await Promise.race([second, third, new Promise((resolve) => setTimeout(resolve, 20))]), undefined);
  host.settle(wrong, "refused");
  const right = (await second)!;
  assert.equal(String(right), "right");
  host.settle(right, "accepted");
  assert.equal(await third, right);
});
