import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { ConfigurationError } from "../../../src/errors.ts";
import { Secrets } from "../../../src/host/secrets.ts";

/** A person with answers in their order; null: Ctrl-C. */
function person(...answers: (string | null)[]) {
  const questions: string[] = [];
  let talking = false;
  const prompt = async (question: string) => {
    assert.ok(!talking, "two questions at once");
    talking = true;
    questions.push(question);
    await new Promise((resolve) => setTimeout(resolve, 5));
    talking = false;
    const answer = answers.shift();
    assert.ok(answer !== undefined, `nobody expected: ${question}`);
    return answer === null ? null : Buffer.from(answer);
  };
  return { prompt, questions };
}

const opens = (right: string) => (passphrase: Buffer) => passphrase.toString() === right;

describe("a passphrase", () => {
  it("is asked for once for each file, however many want it at once", async () => {
    const { prompt, questions } = person("one", "two");
    using secrets = new Secrets({ prompt });
    const given = await Promise.all([
      secrets.passphrase("/a", opens("one")),
      secrets.passphrase("/a", opens("one")),
      secrets.passphrase("/b", opens("two")),
    ]);
    assert.deepEqual(given.map(String), ["one", "one", "two"]);
    assert.deepEqual(questions, ["Passphrase of /a: ", "Passphrase of /b: "]);
    assert.equal(String(await secrets.passphrase("/a", opens("one"))), "one");
    assert.equal(questions.length, 2);
  });

  it("that is wrong is asked for twice more, and never again", async () => {
    const { prompt, questions } = person("a", "b", "c");
    using secrets = new Secrets({ prompt });
    assert.equal(await secrets.passphrase("/a", opens("right")), undefined);
    assert.deepEqual(questions, ["Passphrase of /a: ", "Wrong. Passphrase of /a: ", "Wrong. Passphrase of /a: "]);
    assert.equal(secrets.usedUp("/a"), true);
    assert.equal(await secrets.passphrase("/a", opens("right")), undefined);
    assert.equal(questions.length, 3);
  });

  it("that only ssh can judge is asked for again when it says no", async () => {
    const { prompt, questions } = person("a", "b", "c");
    using secrets = new Secrets({ prompt });
    for (const expected of ["a", "b", "c"]) {
      const passphrase = await secrets.passphrase("/a");
      assert.equal(String(passphrase), expected);
      await secrets.wrong("/a", passphrase!);
      // Told by a second host, of the same one.
      await secrets.wrong("/a", passphrase!);
    }
    assert.equal(await secrets.passphrase("/a"), undefined);
    assert.equal(questions.length, 3);
  });

  it("is nobody's where nobody can be asked, nor after a person said no, nor once asking is over", async () => {
    assert.equal(await new Secrets().passphrase("/a"), undefined);
    const { prompt, questions } = person(null);
    const secrets = new Secrets({ prompt });
    assert.equal(await secrets.passphrase("/a"), undefined);
    assert.equal(await secrets.passphrase("/b"), undefined);
    assert.equal(questions.length, 1);
    const sealed = new Secrets(person());
    sealed.seal();
    assert.equal(await sealed.passphrase("/a"), undefined);
  });
});

describe("the password for becoming root", () => {
  it("is asked for once for all hosts, by the account that it belongs to", async () => {
    const { prompt, questions } = person("one", "two");
    using secrets = new Secrets({ prompt });
    const ask = async (account: string, node: string) => {
      const password = (await secrets.password(account).next(node, []))!;
      secrets.password(account).settle(password, "accepted");
      return String(password);
    };
    assert.deepEqual(await Promise.all([ask("alice", "web1"), ask("alice", "web2"), ask("bob", "db")]), [
      "one",
      "one",
      "two",
    ]);
    assert.equal(questions.length, 2);
    assert.match(
      questions[0]!,
      /^Password of alice, to become root \(web1 asks; it is tried on every host that does\): $/,
    );
  });

  it("is tried on one host alone until one has taken it", async () => {
    const { prompt, questions } = person("typo", "right", "web2's own");
    using secrets = new Secrets({ prompt });
    const alice = secrets.password("alice");
    const typo = (await alice.next("web1", []))!;
    let second: Buffer | undefined;
    const waiting = alice.next("web2", []).then((password) => {
      second = password;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(second, undefined, "web2 waits for web1's verdict");
    alice.settle(typo, "refused");
    // Whoever is first has the next turn: web2, which has not refused anything.
    await waiting;
    assert.equal(String(second), "right");
    alice.settle(second!, "accepted");
    assert.equal(await alice.next("web1", [typo]), second);
    assert.equal(String(await alice.next("web3", [second!])), "web2's own");
    assert.match(questions[2]!, /^web3 refuses what other hosts took\. Password of alice there: $/);
    assert.equal(await alice.next("web1", [typo, typo, typo]), undefined);
    assert.equal(questions.length, 3);
  });

  it("that could not be sent is still to be tried, by whoever comes next", async () => {
    using secrets = new Secrets(person("one"));
    const alice = secrets.password("alice");
    alice.settle((await alice.next("web1", []))!, "unsent");
    assert.equal(String(await alice.next("web2", [])), "one");
  });
});

describe("a password file", () => {
  const directory = mkdtempSync(join(tmpdir(), "bungee-secrets-"));
  after(() => rmSync(directory, { recursive: true }));
  const file = (content: string, mode = 0o600) => {
    const path = join(directory, `file-${Math.random()}`);
    writeFileSync(path, content, { mode });
    return path;
  };
  const read = (passwordFile: string) => new Secrets({ passwordFile }).password("alice").next("web1", []);

  it("gives its first line, and is read where nobody can be asked", async () => {
    assert.equal(String(await read(file("pass word\n"))), "pass word");
    assert.equal(String(await read(file("pässword"))), "pässword");
    assert.equal(String(await read(file("one\ntwo\n"))), "one");
  });

  it("may be a pipe, as bash's <(…) is", () => {
    const script = `
      import { Secrets } from ${JSON.stringify(join(import.meta.dirname, "../../../src/host/secrets.ts"))};
      const secrets = new Secrets({ passwordFile: process.argv[1] });
      console.log(String(await secrets.password("alice").next("web1", [])));`;
    const run = `exec "$0" --input-type=module -e "$1" <(sleep 0.2; printf sec; sleep 0.2; echo ret)`;
    assert.equal(execFileSync("bash", ["-c", run, process.execPath, script], { encoding: "utf8" }), "secret\n");
  });

  for (const [what, path, message] of [
    ["others can read", () => file("hunter\n", 0o640), /can be read by others/],
    ["is not there", () => join(directory, "nowhere"), /cannot be read: ENOENT/],
    ["is empty", () => file(""), /has no password/],
    ["is no password", () => file("x".repeat(5000)), /has no password/],
  ] as const) {
    it(`that ${what} is an error, without what is in it`, async () => {
      await assert.rejects(read(path()), (error: unknown) => {
        assert.ok(error instanceof ConfigurationError);
        assert.match(error.message, message);
        assert.doesNotMatch(JSON.stringify(error) + error.stack, /hunter|xxx/);
        return true;
      });
    });
  }

  it("whose password is refused is no use there again, nor anywhere when two hosts refuse it", async () => {
    const secrets = new Secrets({ passwordFile: file("secret\n") });
    const alice = secrets.password("alice");
    const password = (await alice.next("web1", []))!;
    alice.settle(password, "refused");
    assert.equal(await alice.next("web1", [password]), undefined);
    assert.equal(secrets.mayHavePassword([password]), false);
    assert.equal(secrets.mayHavePassword([]), true);
    assert.equal(await alice.next("web2", []), password);
    alice.settle(password, "refused");
    assert.equal(await alice.next("web3", []), undefined);
    assert.equal(secrets.mayHavePassword([]), false);
  });
});

describe("in memory", () => {
  it("a secret is overwritten in the end, a wrong one at once", async () => {
    const typed: Buffer[] = [];
    const prompt = async () => {
      typed.push(Buffer.from(typed.length === 0 ? "wrong" : "right"));
      return typed.at(-1)!;
    };
    {
      using secrets = new Secrets({ prompt });
      assert.equal(String(await secrets.passphrase("/a", opens("right"))), "right");
      assert.deepEqual([...typed[0]!], [0, 0, 0, 0, 0]);
    }
    assert.deepEqual([...typed[1]!], [0, 0, 0, 0, 0]);
  });

  it("is left out of core dumps", { skip: process.platform === "linux" ? false : "Linux alone has a filter" }, () => {
    const script = `
      import { readFileSync } from "node:fs";
      import { Secrets } from ${JSON.stringify(join(import.meta.dirname, "../../../src/host/secrets.ts"))};
      const before = readFileSync("/proc/self/coredump_filter", "latin1").trim();
      await new Secrets({ prompt: async () => Buffer.from("x") }).passphrase("/a");
      console.log(before, readFileSync("/proc/self/coredump_filter", "latin1").trim());`;
    const [before, now] = execFileSync("sh", ["-c", UNFILTERED, process.execPath, script], { encoding: "utf8" })
      .trim()
      .split(" ");
    assert.notEqual(Number.parseInt(before!, 16), 0);
    assert.equal(Number.parseInt(now!, 16), 0);
  });

  it("is not in a core dump that the kernel writes", { skip: noCoreFiles() }, () => {
    const directory = mkdtempSync(join(tmpdir(), "bungee-core-"));
    const script = (hold: string) => `
      import { Secrets } from ${JSON.stringify(join(import.meta.dirname, "../../../src/host/secrets.ts"))};
      const secret = Buffer.from([104, 117, 110, 116, 101, 114].concat([45, 52, 55, 49, 49]));
      ${hold}
      process.kill(process.pid, "SIGSEGV");
      await new Promise((resolve) => setTimeout(resolve, 1000));`;
    const dump = (hold: string) => {
      try {
        execFileSync("bash", ["-c", `ulimit -c unlimited; ${UNFILTERED}`, process.execPath, script(hold)], {
          cwd: directory,
          stdio: "ignore",
        });
      } catch {
        // It was to die.
      }
      const core = execFileSync("sh", ["-c", "cat core* 2>/dev/null; rm -f core*"], {
        cwd: directory,
        maxBuffer: 2 ** 32,
      });
      return core;
    };
    const without = dump("");
    assert.ok(without.includes("hunter-4711"), "the test sees what is in a dump");
    const held = dump(`await new Secrets({ prompt: async () => secret }).passphrase("/a");`);
    assert.ok(!held.includes("hunter-4711"));
    rmSync(directory, { recursive: true });
  });
});

/** Runs node on a script, as if no test before it had set the filter, which children inherit. */
const UNFILTERED = 'echo 0x33 >/proc/self/coredump_filter; exec "$0" --input-type=module -e "$1"';

function noCoreFiles(): string | false {
  if (process.platform !== "linux") return "not Linux";
  const pattern = readFileSync("/proc/sys/kernel/core_pattern", "utf8").trim();
  return /^core[^/|]*$/.test(pattern) ? false : `core dumps go to ${pattern} here`;
}
