/** The activator's verb `check` alone, on real hosts of both releases: who may ask, when, and what it makes of words that are none. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Activator, type CheckRequest } from "../../src/activator/activator.ts";
import { SCRIPT } from "../../src/activator/script.ts";
import { RefusedError } from "../../src/errors.ts";
import { Scene, skip, untilQuiet, untilState } from "../e2e/scene.ts";
import type { Host } from "../lab/host.ts";
import { releases } from "../lab/rootfs.ts";
import { direct } from "./direct.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const RUN = "run-1";
const refused = (reason: string) => (error: unknown) => error instanceof RefusedError && error.reason === reason;

describe("the activator's health checks", { skip, concurrency: true }, () => {
  for (const release of releases)
    describe(`on ${release}`, { concurrency: 1 }, () => {
      let scene: Scene;
      let host: Host;
      let activator: Activator;

      before(async () => {
        scene = await Scene.open({ hosts: ["web1"], hostRelease: release });
        host = scene.host("web1");
        activator = new Activator(direct(host));
        const etc = { "bungee/health-checks/own": { text: "cat; echo the release; exit 7" } };
        const fine = await scene.deliver("web1", { version: "2", config: { environment: { etc } } });
        await host.output(["sh", "-c", "cat >/root/restricted"], {
          stdin: SCRIPT.replace(/^restricted=no$/m, "restricted=yes"),
        });
        await activator.begin({
          run: RUN,
          token: TOKEN,
          action: "switch",
          release: fine,
          activationTimeout: 60,
          confirmationTimeout: 600,
          rollback: true,
          reboot: "no",
          mayReboot: false,
          anyHost: false,
          allowFailedUnits: false,
          requireSignature: false,
          actor: "tester",
        });
        await untilState(host, "awaiting-confirmation");
      });
      after(() => scene?.[Symbol.asyncDispose]());

      const check = (kind: CheckRequest["kind"], ...input: string[]) =>
        activator.check(RUN, TOKEN, { kind, name: "test", timeout: 2, input });
      const own = (input = "exit 0") =>
        activator.check(RUN, TOKEN, { kind: "command", name: "own", timeout: 2, input: [input] });

      test("only with the run's token, and of a run that there is", async () => {
        const question: CheckRequest = { kind: "command", name: "x", timeout: 1, input: ["touch /run/pwned"] };
        await assert.rejects(activator.check(RUN, "0".repeat(32), question), refused("token"));
        await assert.rejects(activator.check(RUN, "", question), refused("token"));
        await assert.rejects(activator.check("run-2", TOKEN, question), refused("no-such-run"));
        assert.equal((await host.run("test -e /run/pwned")).code, 1);
      });

      test("words that cannot be are refused, and executed by nobody", async () => {
        const words = [
          "",
          "-x",
          "$(touch /run/pwned)",
          "`touch /run/pwned`",
          "a; touch /run/pwned",
          "a\ntouch /run/pwned",
        ];
        for (const word of words) {
          await assert.rejects(check("unit", word, "0"), refused("usage"), `unit ${word}`);
          await assert.rejects(check("unit", "nginx.service", word), refused("usage"), `seconds ${word}`);
          await assert.rejects(check("tcp", "localhost", word), refused("usage"), `port ${word}`);
          await assert.rejects(check("http", word), refused("usage"), `url ${word}`);
          const name = { kind: "command", name: word, timeout: 1, input: ["true"] } as const;
          await assert.rejects(activator.check(RUN, TOKEN, name), refused("usage"), `name ${word}`);
        }
        for (const name of ["../own", "x/y", ".", "x".repeat(65)]) {
          await assert.rejects(
            activator.check(RUN, TOKEN, { kind: "command", name, timeout: 1, input: [""] }),
            refused("usage"),
            name,
          );
        }
        for (const timeout of [0, -1, 1.5, Number.NaN, 1e9]) {
          await assert.rejects(
            activator.check(RUN, TOKEN, { kind: "unit", name: "x", timeout, input: ["a.service", "0"] }),
            refused("usage"),
          );
        }
        await assert.rejects(check("shell" as "unit", "true"), refused("usage"));
        for (const address of ["-x", "a/b", "/dev/null", ""]) {
          await assert.rejects(check("tcp", address, "22"), refused("usage"), address);
        }
        for (const address of ["$(reboot)", "x; reboot", "localhost 22"]) {
          assert.equal((await check("tcp", address, "22")).ok, false);
        }
        const hostile = ["http://`touch /run/pwned`/", "http://x -o /run/pwned", "http://[::1/", "http://{a,b}/"];
        for (const url of hostile) assert.equal((await check("http", url)).ok, false, url);
        assert.equal((await host.run("test -e /run/pwned")).code, 1);
      });

      test("a command runs as root in a unit of its own, with the host's programs, and without an input", async () => {
        const command =
          'id -u; cat; command -v systemctl >/dev/null && grep -o -m 1 bungee-check.* /proc/self/cgroup; echo "$HOME"; exit 1';
        const { output } = await check("command", command);
        assert.equal(output[0], "0");
        assert.match(output[1]!, /^bungee-check-run-1-test-\d+\.service$/);
        assert.equal(output[2], "/root");
      });

      test("a command that is too long is refused whole: half of it would be another one", async () => {
        const question = check("command", `touch /run/pwned; ${": ".repeat(70_000)}`);
        await assert.rejects(question, refused("usage"));
        assert.equal((await host.run("test -e /run/pwned")).code, 1);
      });

      test("what it says is bounded, in lines and bytes", async () => {
        const { ok, output } = await check(
          "command",
          "head -c 5000000 /dev/zero | tr '\\0' x; printf '\\nlast\\n\\n'; exit 1",
        );
        assert.equal(ok, false);
        assert.ok(output.join("").length < 2000);
        assert.equal(output.at(-1), "last");
        assert.deepEqual((await check("command", "seq 100; exit 1")).output, ["96", "97", "98", "99", "100"]);
      });

      test("what it leaves running ends with it", async () => {
        assert.equal(
          (await check("command", "setsid sleep 54321 & nohup sleep 54322 >/dev/null 2>&1 & exit 0")).ok,
          true,
        );
        assert.deepEqual(await check("command", "trap '' TERM; sleep 54323; sleep 54324"), {
          ok: false,
          message: "it took longer than 2 s",
          output: [],
        });
        assert.equal(await host.output("pgrep -f '^sleep 5432' || :"), "");
        // Who waits for a unit hears of its end a little before systemd forgets it.
        const left = "systemctl list-units --all --plain --no-legend 'bungee-check-*'";
        assert.equal(
          await host.output(`for i in $(seq 1 50); do [ -n "$(${left})" ] || exit 0; sleep 0.1; done; ${left}`),
          "",
        );
        assert.equal((await host.run("systemctl --failed --plain --no-legend | grep bungee")).code, 1);
      });

      test("the release's own command counts, whatever was sent", async () => {
        assert.deepEqual(await own("touch /run/pwned"), { ok: false, message: "exit code 7", output: ["the release"] });
        assert.equal((await host.run("test -e /run/pwned")).code, 1);
      });

      test("a body that is large, or binary, is looked through", async () => {
        const body = "/root/body";
        await host.output(
          `{ printf 'HTTP/1.0 200 OK\\r\\n\\r\\n'; printf 'a\\0here it is\\n'; head -c 3000000 /dev/urandom; } >${body}`,
        );
        await host.output(
          `systemd-run --collect --unit=test-http systemd-socket-activate --listen 8081 --accept --inetd sh -c 'while read -r line && [ \${#line} -gt 1 ]; do :; done; cat ${body}'`,
        );
        await host.output(
          "for i in $(seq 1 100); do ss -Hltn 'sport = :8081' | grep -q . && exit; sleep 0.1; done; exit 1",
        );
        const ask = (...more: string[]) => check("http", "http://127.0.0.1:8081/", ...more);
        assert.equal((await ask("", "here it is")).ok, true);
        assert.match(
          (await ask("", "here it is not")).message,
          /^http:\/\/127\.0\.0\.1:8081\/ answers 200, without the text/,
        );
        assert.match((await ask("204")).message, /answers 200, not 204$/);
        assert.equal((await ask("200")).ok, true);
        await host.output("systemctl stop test-http");
        const { ok, message, output } = await ask();
        assert.deepEqual([ok, message], [false, "http://127.0.0.1:8081/ gives no answer"]);
        assert.match(output.join(), /connect/i);
      });

      test("a deploy user gets units, and commands of the release, and nothing else", async () => {
        const ask = async (kind: string, name: string, ...input: string[]) => {
          const stdin = `${[TOKEN, ...input].join("\n")}\n`;
          const { stdout } = await host.run(["sh", "/root/restricted", "check", RUN, kind, name, "2"], { stdin });
          return JSON.parse(stdout) as { error?: string; message: string; ok?: boolean };
        };
        assert.equal((await ask("unit", "app", "app.service", "0")).ok, true);
        assert.equal((await ask("command", "own", "touch /run/pwned")).message, "exit code 7");
        for (const [kind, ...input] of [
          ["command", "touch /run/pwned"],
          ["http", "http://localhost/"],
          ["tcp", "localhost", "22"],
        ] as const) {
          assert.equal((await ask(kind, "other", ...input)).error, "restricted", kind);
        }
        assert.equal((await host.run("test -e /run/pwned")).code, 1);
      });

      test("a check that runs ends when its run does, and none is made then", async () => {
        const hanging = activator.check(RUN, TOKEN, {
          kind: "command",
          name: "long",
          timeout: 60,
          input: ["sleep 54325"],
        });
        await host.output("for i in $(seq 1 200); do pgrep -f '^sleep 54325' && exit; sleep 0.1; done; exit 1");
        // A unit that the way back leaves alone: a restart may be found before the end of the run is.
        const unit: CheckRequest = { kind: "unit", name: "watch", timeout: 1, input: ["bystander.service", "600"] };
        const watching = assert.rejects(activator.check(RUN, TOKEN, unit), refused("too-late"));
        const status = await activator.abort(RUN, TOKEN, "unhealthy", 'health check web fails: it\'s "bad"');
        assert.ok(["aborting", "rolling-back"].includes(status.state), status.state);
        await untilQuiet(host);
        await host.output("for i in $(seq 1 100); do pgrep -f '^sleep 54325' || exit 0; sleep 0.1; done; exit 1");
        await watching;
        assert.deepEqual(await hanging, { ok: false, message: "it was ended before it could tell", output: [] });
        const ended = await activator.status(RUN);
        assert.deepEqual(
          [ended.state, ended.why, ended.message],
          ["rolled-back", "unhealthy", 'health check web fails: it\'s "bad"'],
        );
        await assert.rejects(own(), refused("too-late"));
      });
    });
});
