import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { after, before, describe, it } from "node:test";
import { parseAnswer, releaseSchema } from "../../../src/activator/protocol.ts";
import { ProtocolError } from "../../../src/errors.ts";
import type { Connection } from "../../../src/host/connection.ts";
import { connect } from "../../../src/host/dial.ts";
import { inSandbox, noSshd, TestSshd, withSshConfig } from "./sshd.ts";
import { TRANSPORTS } from "./visit.ts";

const skip = noSshd || (userInfo().uid !== 0 || !inSandbox ? "login shells are changed in the sandbox only" : false);
const FISH = "/usr/bin/fish";
const noFish = existsSync(FISH) ? false : "no fish here: apt-get install --no-install-recommends fish";

/** What a host of another distribution, or a person's own dotfiles, do to the commands that we run there. */
for (const ssh of TRANSPORTS) {
  describe(`a login shell, by ${ssh}`, { skip }, () => {
    let sshd: TestSshd;
    before(async () => {
      sshd = await TestSshd.start(`Banner ${"/etc/debian_version"}`, "PrintMotd yes");
      writeFileSync(sshd.path("known_hosts"), sshd.knownHost());
    });
    after(() => sshd[Symbol.dispose]());

    async function as<T>(shell: string, work: (connection: Connection) => Promise<T>): Promise<T> {
      await sshd.listenWithShell(shell);
      const connection = await withSshConfig(sshd.path("config"), sshd.hostConfig("web"), () =>
        connect({ node: "web1", addresses: ["web"], ssh }),
      );
      try {
        return await work(connection);
      } finally {
        await connection.close();
      }
    }
    const words = [
      "a b",
      "it's",
      "$(id)",
      "`id`",
      '"',
      "\\",
      "new\nline",
      "*",
      "",
      "~",
      "-n",
      "ü",
      "a\\'b",
      "%",
      "{a,b}",
    ];
    const answer = '{"protocol":2,"release":"/nix/store/x"}';

    it("that is fish hands over the words as they are", { skip: noFish }, () =>
      as(FISH, async (connection) => {
        const said = await connection.run({
          argv: ["sh", "-c", 'ps -o comm= -p "$PPID"; printf "%s\\0" "$@"', "sh", ...words],
        });
        assert.deepEqual(said.stdout.replace(/^.*\n/, "").split("\0").slice(0, -1), words);
        assert.deepEqual(await connection.run({ argv: ["sh", "-c", "cat; exit 5"], stdin: "through" }), {
          code: 5,
          signal: null,
          stdout: "through",
          stderr: "",
        });
        const killed = await connection.run({ argv: ["sh", "-c", "kill -TERM $$"] });
        assert.ok(killed.signal === "SIGTERM" || killed.code === 143, JSON.stringify(killed));
      }),
    );

    it("that prints on every login does not hide the activator's answer", () => {
      writeFileSync(sshd.path(".bashrc"), 'echo "Welcome to web1!"; echo "{\\"motd\\": 1}"; echo trouble >&2\n');
      return as("/bin/bash", async (connection) => {
        const finished = await connection.run({ argv: ["echo", answer] });
        assert.match(finished.stdout, /^Welcome to web1!\n/, "the noise is there");
        assert.equal(parseAnswer(releaseSchema, "stage", finished).release, "/nix/store/x");
      });
    });

    it("that prints on every login does not get into the store tunnel", async () => {
      // A daemon that says its first word as nix's does, and then what it was sent.
      mkdirSync(sshd.path("bin"), { recursive: true });
      const daemon = '#!/bin/sh\necho warning >&2\nprintf "oixd\\0\\0\\0\\0"\nexec cat\n';
      writeFileSync(sshd.path("bin/nix-daemon"), daemon, { mode: 0o755 });
      writeFileSync(
        sshd.path(".bashrc"),
        `printf 'oixoixd not yet\\n'; sleep 0.1; printf ox; PATH=${sshd.path("bin")}:$PATH\n`,
      );
      const { openStoreTunnel } = await import("../../../src/host/store-tunnel.ts");
      const { connect: connectUnix } = await import("node:net");
      await as("/bin/bash", async (connection) => {
        await using tunnel = await openStoreTunnel(connection);
        const client = connectUnix(tunnel.storeUri.replace("unix://", ""));
        client.end("hello");
        const chunks = (await client.toArray()) as Buffer[];
        assert.equal(Buffer.concat(chunks).toString("latin1"), "oixd\0\0\0\0hello");
      });
    });

    for (const [shell, code, says] of [
      ["/usr/sbin/nologin", 1, /not available/],
      ["/bin/false", 1, /^$/],
    ] as const) {
      it(`that is ${shell} is no answer, and its own words are told`, () =>
        as(shell, async (connection) => {
          const finished = await connection.run({ argv: ["echo", answer] });
          assert.equal(finished.code, code);
          assert.match(finished.stdout, says);
          assert.throws(
            () => parseAnswer(releaseSchema, "stage", finished),
            (error) => error instanceof ProtocolError && says.test(error.detail ?? ""),
          );
          assert.equal(connection.lost.aborted, false);
        }));
    }

    it("that refuses is no answer, either", () => {
      const shell = sshd.path("refuses");
      writeFileSync(shell, '#!/bin/sh\necho "this account is for git only" >&2\nexit 255\n', { mode: 0o755 });
      return as(shell, async (connection) => {
        // 255 is what ssh itself says when a connection breaks. Here it is the command's own.
        assert.deepEqual(await connection.run({ argv: ["true"] }), {
          code: 255,
          signal: null,
          stdout: "",
          stderr: "this account is for git only\n",
        });
        assert.equal(connection.lost.aborted, false);
      });
    });
  });
}
