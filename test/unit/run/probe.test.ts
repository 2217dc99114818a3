/** Tries from the deployer, against real servers on this machine. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ConnectionLostError, RefusedError, UnhealthyError } from "../../../src/errors.ts";
import type { HealthCheck, HttpProbe, Probe } from "../../../src/fleet/health-checks.ts";
import { askOn } from "../../../src/run/probe.ts";
import type { Line } from "../../../src/run/session.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const never = new AbortController().signal;

/** A line to a host at 127.0.0.1 whose activator answers as told. */
const lineTo = (check: (...words: unknown[]) => Promise<unknown> = () => assert.fail("the host was asked")): Line =>
  ({ connection: { address: "127.0.0.1" }, activator: { check } }) as unknown as Line;

const checkOf = (probe: Probe, timeout = 5): HealthCheck => ({ probe, period: 1, timeout, retries: null });
const ask = (probe: Probe, timeout?: number, signal = never) =>
  askOn(lineTo(), "run", "token")("name", checkOf(probe, timeout), signal);

async function listening<T extends Server>(server: T): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

const http = (url: string, more: Partial<HttpProbe> = {}): HttpProbe => ({
  kind: "http",
  from: "deployer",
  url,
  status: null,
  contains: null,
  address: null,
  ...more,
});

describe("http from the deployer", () => {
  const seen: string[] = [];
  const answer: RequestListener = (request, response) => {
    seen.push(`${request.headers.host} ${request.url}`);
    if (request.url === "/silent") return;
    if (request.url === "/moved") response.writeHead(302, { location: "/" }).end();
    else if (request.url === "/busy") response.writeHead(503).end("all is well");
    else if (request.url === "/endless") {
      const write = () => !response.destroyed && response.write("x".repeat(100_000), write);
      write();
    } else response.end(`${"x".repeat(200_000)} all is well`);
  };
  const server = createServer(answer);
  let port: number;
  before(async () => {
    port = await listening(server);
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const at = (path: string) => `http://127.0.0.1:${port}${path}`;

  const cases: readonly [string, () => HttpProbe, RegExp | true, number?][] = [
    ["any 2xx is well", () => http(at("/")), true],
    ["the status asked for, and no other", () => http(at("/"), { status: 204 }), /answers 200, not 204$/],
    ["which may be an error", () => http(at("/busy"), { status: 503 }), true],
    ["an error is not well", () => http(at("/busy")), /answers 503$/],
    ["a redirect is an answer, not a way", () => http(at("/moved")), /answers 302$/],
    ["a text in the body", () => http(at("/"), { contains: "all is well" }), true],
    ["a text that is not there", () => http(at("/"), { contains: "all is lost" }), /without the text "all is lost"$/],
    ["a body without end is read for a while only", () => http(at("/endless"), { contains: "y" }), /without the text/],
    ["a server that is silent", () => http(at("/silent")), /^no answer within 1 s$/, 1],
    ["nobody listens", () => http("http://127.0.0.1:1/"), /gives no answer: connection refused$/],
    ["a name that nobody knows", () => http("http://nobody.invalid/"), /there is no host of this name|looked up now/],
    [
      "connects elsewhere, and asks for the URL",
      () => http(`http://www.example.org:${port}/x`, { address: "127.0.0.1" }),
      true,
    ],
  ];
  for (const [title, probe, expected, timeout] of cases) {
    it(title, async () => {
      const { ok, message } = await ask(probe(), timeout);
      assert.equal(ok, expected === true, message);
      if (expected !== true) assert.match(message, expected);
    });
  }

  it("keeps the host of the URL", () => assert.ok(seen.includes(`www.example.org:${port} /x`), seen.join("\n")));

  it("ends when it is told to", async () => {
    const stop = new AbortController();
    const asking = ask(http(at("/silent")), 60, stop.signal);
    stop.abort(new Error("enough"));
    await assert.rejects(asking, /enough/);
  });
});

describe("https from the deployer", () => {
  it("a certificate that nobody vouches for is not well", { skip: !hasOpenssl && "no openssl here" }, async () => {
    const directory = mkdtempSync(join(tmpdir(), "bungee-probe-"));
    try {
      const [key, certificate] = [join(directory, "key"), join(directory, "certificate")];
      const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"];
      writeFileSync(join(directory, "openssl.cnf"), "[req]\ndistinguished_name = dn\n[dn]\n");
      const conf = ["-config", join(directory, "openssl.cnf")];
      execFileSync(
        "openssl",
        ["req", "-x509", ...conf, ...ec, "-keyout", key, "-out", certificate, "-subj", "/CN=localhost", "-days", "2"],
        { stdio: "ignore" },
      );
      const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (_, response) => {
        response.end();
      });
      const port = await listening(server);
      const { ok, message } = await ask(http(`https://localhost:${port}/`, { address: "127.0.0.1" }));
      server.close();
      assert.equal(ok, false);
      assert.match(message, /self.signed certificate/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("tcp from the deployer", () => {
  it("goes to the address that answered, or to another", async () => {
    const server = createTcpServer((socket) => socket.end());
    const port = await listening(server);
    for (const address of [null, "localhost"]) {
      const found = await ask({ kind: "tcp", from: "deployer", port, address });
      assert.deepEqual([found.ok, /port \d+ takes connections$/.test(found.message)], [true, true], found.message);
    }
    server.close();
  });

  it("says what is in the way", async () => {
    const { ok, message } = await ask({ kind: "tcp", from: "deployer", port: 1, address: null });
    assert.deepEqual([ok, message], [false, "127.0.0.1 port 1: connection refused"]);
  });
});

describe("what the host is asked", () => {
  const cases: readonly [Probe, readonly string[]][] = [
    [{ kind: "unit", unit: "a.service", seconds: 3 }, ["a.service", "3"]],
    [{ kind: "command", command: "one\ntwo" }, ["one\ntwo"]],
    [{ kind: "tcp", from: "host", port: 5432, address: null }, ["localhost", "5432"]],
    [http("http://a/", { from: "host" }), ["http://a/", "", "", ""]],
    [http("http://a/", { from: "host", status: 204, contains: "x", address: "::1" }), ["http://a/", "204", "x", "::1"]],
  ];
  for (const [probe, input] of cases) {
    it(`${probe.kind}: ${JSON.stringify(input)}`, async () => {
      const asked: unknown[] = [];
      const line = lineTo(async (...words) => {
        asked.push(...words.slice(0, 3));
        return { ok: true, message: "fine", output: [] };
      });
      await askOn(line, "run", "token")("name", checkOf(probe, 7), never);
      assert.deepEqual(asked, ["run", "token", { kind: probe.kind, name: "name", timeout: 7, input }]);
    });
  }

  it("what it may not be asked can never be well; a lost connection can be", async () => {
    const refusing = (error: Error) =>
      askOn(
        lineTo(() => Promise.reject(error)),
        "run",
        "token",
      )("disk", checkOf({ kind: "command", command: "x" }), never);
    const restricted = new RefusedError("a deploy user may not", { mend: "", reason: "restricted" });
    await assert.rejects(
      refusing(restricted),
      (error) => error instanceof UnhealthyError && /disk cannot be made: a deploy/.test(error.message),
    );
    const late = new RefusedError("too late", { mend: "", reason: "too-late" });
    await assert.rejects(refusing(late), RefusedError);
    await assert.rejects(refusing(new ConnectionLostError("gone", { mend: "" })), ConnectionLostError);
  });
});
