/** Metrics over HTTP: a real server on the loopback, asked by a real client. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { serveMetrics } from "../../../src/commands/metrics-server.ts";

async function serving(test: TestContext, collect: () => Promise<string>) {
  const controller = new AbortController();
  test.after(() => controller.abort());
  const { promise, resolve } = Promise.withResolvers<string>();
  const metrics = async () => ({ contentType: "text/plain; version=0.0.4", text: await collect() });
  const ended = serveMetrics({ address: "127.0.0.1", port: 0 }, metrics, resolve, controller.signal);
  const url = await promise;
  return { url, origin: new URL(url).origin, ended, end: () => controller.abort() };
}

test("/metrics and / are there, and nothing else", async (test) => {
  let asked = 0;
  const { url, origin } = await serving(test, async () => `x ${++asked}\n`);
  const got = await fetch(url);
  assert.deepEqual(
    [got.status, got.headers.get("content-type"), await got.text()],
    [200, "text/plain; version=0.0.4", "x 1\n"],
  );
  assert.equal(await (await fetch(`${url}?name[]=x`)).text(), "x 2\n");
  const head = await fetch(url, { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("content-length"), await head.text()], [200, "4", ""]);
  assert.match(await (await fetch(origin)).text(), /\/metrics/);
  for (const path of ["/metrics/", "/favicon.ico", "/..", "//metrics", "/metrics/x"])
    assert.equal((await fetch(`${origin}${path}`)).status, path === "/.." ? 200 : 404, path);
  for (const method of ["POST", "PUT", "DELETE"])
    assert.equal((await fetch(url, { method, body: "x" })).status, 405, method);
  assert.equal(asked, 3, "nothing else asks a host");
});

test("a collection that fails ends that request alone", async (test) => {
  let fails = true;
  const { url } = await serving(test, async () => {
    if (fails) throw new Error("a defect");
    return "x 1\n";
  });
  const failed = await fetch(url);
  assert.deepEqual([failed.status, await failed.text()], [500, "a defect of bungee: Error: a defect\n"]);
  fails = false;
  assert.equal((await fetch(url)).status, 200);
});

test("it ends when it is told to, whoever still waits for an answer", async (test) => {
  const { promise: never } = Promise.withResolvers<string>();
  const asked = Promise.withResolvers<void>();
  const { url, ended, end } = await serving(test, () => {
    asked.resolve();
    return never;
  });
  const waiting = fetch(url);
  await asked.promise;
  end();
  await assert.rejects(waiting);
  await ended;
  await assert.rejects(fetch(url), "nobody listens any more");
});

test("an address that cannot be listened on is one clear error", async (test) => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  test.after(() => taken.close());
  const { port } = taken.address() as { port: number };
  const none = async () => ({ contentType: "", text: "" });
  const fails = (address: string, wanted: number) =>
    assert.rejects(
      serveMetrics({ address, port: wanted }, none, () => assert.fail("it listens"), new AbortController().signal),
      {
        name: "UsageError",
        message: new RegExp(`^cannot listen on ${address.replaceAll(".", "\\.")} port ${wanted}: [a-z]`),
      },
    );
  await fails("127.0.0.1", port);
  await fails("192.0.2.77", port);
});
