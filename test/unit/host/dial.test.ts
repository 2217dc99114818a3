import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { ConfigurationError, HostKeyError, LoginError, UnreachableError } from "../../../src/errors.ts";
import { freePort, listenOn, noSshd, TestSshd } from "./sshd.ts";
import { failureOver, TRANSPORTS, visitOver } from "./visit.ts";

for (const ssh of TRANSPORTS) {
  const visit = visitOver(ssh);
  const failure = failureOver(ssh);

  describe(`connecting by ${ssh}`, { skip: noSshd }, () => {
    let sshd: TestSshd;
    before(async () => {
      sshd = await TestSshd.start();
      writeFileSync(sshd.path("known_hosts"), sshd.knownHost());
    });
    after(() => sshd[Symbol.dispose]());

    describe("to an address", () => {
      it("is always a new TCP connection", async () => {
        const [one, two] = await Promise.all([
          visit(sshd, sshd.hostConfig("web")),
          visit(sshd, sshd.hostConfig("web")),
        ]);
        assert.notEqual(one, two);
      });

      it("takes user, port and key from the target", async () => {
        const config = [
          "Host web",
          "  HostName 127.0.0.1",
          "  User nobody",
          "  IdentityAgent none",
          `  UserKnownHostsFile ${sshd.path("known_hosts")}`,
        ].join("\n");
        const target = { user: sshd.user, port: sshd.port, identityFile: sshd.path("id") };
        assert.match(await visit(sshd, config, target), new RegExp(` ${sshd.port}$`));
      });

      it("of IPv6", async () => {
        using six = await TestSshd.start("ListenAddress ::1");
        writeFileSync(six.path("known_hosts"), six.knownHost("host", `[::1]:${six.port}`));
        const config = six.hostConfig("web").replace("HostName 127.0.0.1", "HostName ::1");
        assert.match(await visit(six, config), /^web ::1 \d+ ::1 \d+$/);
        const bare = six.hostConfig("*").replace(/\n {2}HostName.*/, "");
        assert.match(await visit(six, bare, { addresses: ["::1"] }), /^::1 ::1 /);
      });

      it("whatever its banner says", async () => {
        writeFileSync(
          sshd.path("banner"),
          "Permission denied (publickey).\nConnection refused\ndebug1: Connection established.\n",
        );
        using talking = await TestSshd.start(`Banner ${sshd.path("banner")}`);
        writeFileSync(talking.path("known_hosts"), talking.knownHost());
        assert.match(await visit(talking, talking.hostConfig("web")), /^web 127/);
        const error = await failure(
          talking,
          talking
            .hostConfig("web", `IdentityFile ${talking.makeKey("other")}`, "IdentitiesOnly yes")
            .replace(`\n  IdentityFile ${talking.path("id")}`, ""),
        );
        assert.ok(error instanceof LoginError, error.message);
        assert.match(error.message, /does not let .* in with the key offered/);
        assert.doesNotMatch(error.detail ?? "", /Connection refused/);
      });

      it("says that nobody listens", async () => {
        const port = await freePort();
        const error = await failure(sshd, sshd.hostConfig("web", `Port ${port}`));
        assert.ok(error instanceof UnreachableError);
        assert.equal(error.message, `cannot reach web1: 127.0.0.1 port ${port}: connection refused`);
        assert.equal(error.node, "web1");
      });

      it("says that there is no such name", async () => {
        const error = await failure(sshd, sshd.hostConfig("web", "HostName host.invalid"));
        assert.ok(error instanceof UnreachableError);
        assert.match(error.message, /host\.invalid port \d+: (there is no host of this name|its name could not)/);
      });

      it("gives up on a port that takes the connection and says nothing", async () => {
        const sockets = new Set<Socket>();
        const server = await listenOn(createServer((socket) => sockets.add(socket)));
        const { port } = server.address() as { port: number };
        const start = performance.now();
        const error = await failure(sshd, sshd.hostConfig("web", `Port ${port}`), {}, { timeoutMs: 3000 });
        assert.ok(error instanceof UnreachableError);
        assert.match(error.message, /it takes the connection, but sshd says nothing/);
        assert.ok(error.answered, "with more time it may");
        assert.ok(performance.now() - start < 8000);
        for (const socket of sockets) socket.destroy();
        server.close();
      });

      it("takes the limit from ConnectTimeout of ssh_config", async () => {
        const server = await listenOn(createServer((socket) => socket.on("error", () => {})));
        const { port } = server.address() as { port: number };
        const start = performance.now();
        await failure(sshd, sshd.hostConfig("web", `Port ${port}`, "ConnectTimeout 1"));
        const took = performance.now() - start;
        assert.ok(took > 900 && took < 9000, String(took));
        server.close();
      });

      it("says that something else than sshd answers", async () => {
        const server = await listenOn(
          createServer((socket) => socket.on("error", () => {}).end("HTTP/1.1 400 no\r\n\r\n")),
        );
        const { port } = server.address() as { port: number };
        const error = await failure(sshd, sshd.hostConfig("web", `Port ${port}`));
        assert.ok(error instanceof UnreachableError, error.message);
        server.close();
      });

      it("ends at once when the caller's signal aborts", async () => {
        const server = await listenOn(createServer((socket) => socket.on("error", () => {})));
        const { port } = server.address() as { port: number };
        const abort = new AbortController();
        setTimeout(() => abort.abort(new Error("interrupted")), 200);
        const start = performance.now();
        await assert.rejects(
          visit(sshd, sshd.hostConfig("web", `Port ${port}`), {}, { signal: abort.signal }),
          /interrupted/,
        );
        assert.ok(performance.now() - start < 8000);
        server.close();
      });

      it("refuses what cannot be an address, and names the node", async () => {
        const error = await failure(sshd, "", { addresses: ["-oProxyCommand=id"] });
        assert.ok(error instanceof ConfigurationError);
        assert.equal(error.node, "web1");
      });
    });

    describe("to one of several addresses", () => {
      it("takes the next at once when one refuses", async () => {
        const dead = await freePort();
        const config = `${sshd.hostConfig("dead", `Port ${dead}`)}\n${sshd.hostConfig("web")}`;
        const start = performance.now();
        assert.match(await visit(sshd, config, { addresses: ["dead", "web"] }), /^web /);
        assert.ok(performance.now() - start < 8000);
      });

      it("does not wait for the end of one that is silent", async () => {
        const server = await listenOn(createServer((socket) => socket.on("error", () => {})));
        const { port } = server.address() as { port: number };
        const config = `${sshd.hostConfig("silent", `Port ${port}`)}\n${sshd.hostConfig("web")}`;
        const start = performance.now();
        assert.match(await visit(sshd, config, { addresses: ["silent", "web"] }), /^web /);
        assert.ok(performance.now() - start < 9000);
        server.close();
      });

      it("tells of every one when none answers", async () => {
        const [one, two] = [await freePort(), await freePort()];
        const config = `${sshd.hostConfig("one", `Port ${one}`)}\n${sshd.hostConfig("two", `Port ${two}`)}`;
        const error = await failure(sshd, config, { addresses: ["one", "two"] });
        assert.ok(error instanceof UnreachableError);
        assert.equal(
          error.message,
          `cannot reach web1: 127.0.0.1 port ${one}: connection refused; 127.0.0.1 port ${two}: connection refused`,
        );
      });

      it("goes past a host with a wrong key, and tells of it first when nothing else answers", async () => {
        const dead = await freePort();
        const config = [
          sshd.hostConfig("stranger", `UserKnownHostsFile ${sshd.path("none")}`),
          sshd.hostConfig("dead", `Port ${dead}`),
          sshd.hostConfig("web"),
        ].join("\n");
        assert.match(await visit(sshd, config, { addresses: ["stranger", "web"] }), /^web /);
        const error = await failure(sshd, config, { addresses: ["dead", "stranger"] });
        assert.ok(error instanceof HostKeyError);
        assert.match(error.message, /is not known \(and 127\.0\.0\.1 port \d+: connection refused\)/);
      });
    });
  });
}
