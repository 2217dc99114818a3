import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { realise, realiseCommand } from "../../../src/nix/build.ts";
import { copyClosure, copyCommand, copyDerivations } from "../../../src/nix/copy.ts";
import { openRoots, rootsDirectory } from "../../../src/nix/roots.ts";
import { closure, diffClosures, missingPaths } from "../../../src/nix/store.ts";
import { runLocal } from "../../../src/process.ts";
import { derivation, RealNix, withoutNix } from "./real-nix.ts";

describe("command lines", () => {
  it("realise", () => {
    assert.deepEqual(
      realiseCommand(["/nix/store/a.drv", "/nix/store/b.drv"], { root: "/r", store: "unix:///s" }).argv,
      [
        ...["nix-store", "--realise", "--keep-going", "--add-root", "/r", "--store", "unix:///s"],
        ...["/nix/store/a.drv", "/nix/store/b.drv"],
      ],
    );
  });

  it("copy", () => {
    const features = ["--extra-experimental-features", "nix-command flakes"];
    assert.deepEqual(copyCommand("unix:///s", ["/nix/store/a"]).argv, [
      ...["nix", "copy", ...features, "--to", "unix:///s", "--no-check-sigs", "/nix/store/a"],
    ]);
    assert.deepEqual(copyCommand("unix:///s", ["/nix/store/a"], { substitute: true, requireSignatures: true }).argv, [
      ...["nix", "copy", ...features, "--to", "unix:///s"],
      ...["--substitute-on-destination", "--option", "builders-use-substitutes", "true", "/nix/store/a"],
    ]);
  });
});

describe("rootsDirectory", () => {
  it("heeds XDG_STATE_HOME where it is absolute", () => {
    assert.equal(rootsDirectory({ XDG_STATE_HOME: "/state" }), "/state/bungee/gcroots");
    assert.match(rootsDirectory({ XDG_STATE_HOME: "state" }), /\/\.local\/state\/bungee\/gcroots$/);
    assert.match(rootsDirectory({}), /\/\.local\/state\/bungee\/gcroots$/);
  });
});

it("openRoots clears away what a killed deployment left a week ago", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bungee-roots-"));
  try {
    const days = (count: number) => new Date(Date.now() - count * 24 * 3600 * 1000);
    for (const [name, age] of [
      ["killed", 8],
      ["under-way", 1],
    ] as const) {
      mkdirSync(join(directory, name));
      symlinkSync("/nix/store/x", join(directory, name, "1.systems"));
      utimesSync(join(directory, name), days(age), days(age));
    }
    const roots = await openRoots("new", directory);
    assert.deepEqual(readdirSync(directory).sort(), ["new", "under-way"]);
    assert.notEqual(roots.next("web1"), roots.next("web1"));
    await roots.release();
    assert.deepEqual(readdirSync(directory), ["under-way"]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

describe("with a real store", { skip: withoutNix }, () => {
  const real = withoutNix ? undefined : new RealNix();
  after(() => real?.[Symbol.dispose]());

  const library = derivation("library-1.0", "mkdir $out; echo library > $out/x");
  const failing = (name: string) => derivation(name, `echo "${name} begins"; echo "${name} gives up" >&2; exit 3`);
  const user = (name: string, input: string) =>
    derivation(name, "echo $input > $out; echo done", `{ input = ${input}; }`);

  it("builds all it can, and tells each failure with its own cause", async () => {
    const requests = [
      real!.instantiate("web1", user("web1", library)),
      real!.instantiate("web2", user("web2", failing("broken-library"))),
      real!.instantiate("web3", user("web3", failing("broken-service"))),
      real!.instantiate("web4", failing("web4")),
    ];
    const lines: [string | null, string][] = [];
    let progress: [number, number] = [0, 0];
    const failures = await realise(requests, {
      root: real!.path("roots", "all"),
      onLine: (line, drvPath) => lines.push([drvPath, line]),
      onProgress: (done, expected) => {
        progress = [done, expected];
      },
    });
    assert.deepEqual([...failures.keys()], ["web2", "web3", "web4"]);
    assert.match(failures.get("web2")?.detail ?? "", /broken-library\.drv'.*> broken-library gives up/s);
    assert.doesNotMatch(failures.get("web2")?.detail ?? "", /broken-service|web4/);
    assert.match(failures.get("web3")?.detail ?? "", /broken-service\.drv'.*> broken-service gives up/s);
    assert.match(failures.get("web4")?.detail ?? "", /web4\.drv'.*exit code 3.*> web4 begins\n> web4 gives up/s);
    assert.equal(failures.get("web4")?.node, "web4");
    assert.match(failures.get("web4")?.mend ?? "", /nix log \/nix\/store\/\w+-web4\.drv/);
    assert.ok(lines.some(([drvPath, line]) => drvPath === requests[3]?.drvPath && line === "web4 begins"));
    assert.equal(progress[0], 2, "library and web1");
    assert.deepEqual(
      await missingPaths(requests.map((request) => request.outPath)),
      requests.slice(1).map((request) => request.outPath),
    );
    assert.deepEqual(readdirSync(real!.path("roots")), ["all"], "what was built is rooted, though others failed");
  });

  it("keeps what it built from the garbage collector, until the roots are released", async () => {
    const first = real!.instantiate("a", derivation("rooted-a", "echo a > $out"));
    const second = real!.instantiate("b", derivation("rooted-b", "echo b > $out"));
    const roots = await openRoots("deployment-1");
    const other = await openRoots("deployment-2");
    const failures = await realise([first, second], { root: roots.next("systems") });
    assert.equal(failures.size, 0);
    const third = real!.instantiate("../c d", derivation("rooted-c", "echo c > $out"));
    await realise([third], { root: other.next("../c d") });
    const paths = [first, second, third].map((request) => request.outPath);
    // As the garbage collector would, but of these paths only: other tests use the same store just now.
    const collect = async () => {
      for (const path of paths) await runLocal({ argv: ["nix-store", "--delete", path] });
    };
    await collect();
    assert.deepEqual(await missingPaths(paths), []);
    await roots.release();
    await collect();
    assert.deepEqual(await missingPaths(paths), [first.outPath, second.outPath]);
    await other.release();
    await collect();
    assert.deepEqual(await missingPaths(paths), paths);
    assert.ok(!existsSync(`${rootsDirectory()}/deployment-1`));
  });

  it("keeps what was only evaluated, with all that it is built of, and nothing once it is released", async () => {
    const first = real!.instantiate("a", user("evaluated-a", derivation("needed", "echo x > $out")));
    const second = real!.instantiate("b", derivation("evaluated-b", "echo b > $out"));
    const needed = execFileSync("nix-store", ["--query", "--requisites", first.drvPath], { encoding: "utf8" });
    const input = needed.split("\n").find((path) => path.endsWith("-needed.drv"))!;
    const drvPaths = [first.drvPath, input, second.drvPath];
    const collect = async () => {
      for (const path of drvPaths) await runLocal({ argv: ["nix-store", "--delete", path] });
    };
    const roots = await openRoots("deployment-3");
    await roots.keep([first.drvPath]);
    await roots.keep([second.drvPath, first.drvPath]);
    await collect();
    assert.deepEqual(await missingPaths(drvPaths), []);
    const stillAtIt = roots.keep([first.drvPath]);
    await roots.release();
    await stillAtIt;
    await roots.keep([first.drvPath]);
    assert.ok(!existsSync(`${rootsDirectory()}/deployment-3`));
    await collect();
    assert.deepEqual(await missingPaths(drvPaths), drvPaths);
  });

  it("says nothing of what cannot be kept: its build will", async () => {
    const roots = await openRoots("deployment-4");
    await roots.keep([`/elsewhere/"\${"x"}".drv`]);
    await roots.release();
  });

  it("builds nothing twice, and nothing at all for no request", async () => {
    const request = real!.instantiate("same", derivation("same", "echo x > $out"));
    assert.equal((await realise([request, { ...request, name: "twin" }])).size, 0);
    real!.calls();
    assert.equal((await realise([])).size, 0);
    assert.deepEqual(real!.calls().lines, []);
  });

  it("tells a derivation that is not there", async () => {
    const request = {
      name: "gone",
      drvPath: `/nix/store/${"0".repeat(32)}-gone.drv`,
      outPath: `/nix/store/${"1".repeat(32)}-gone`,
    };
    const failures = await realise([request]);
    assert.match(failures.get("gone")?.detail ?? "", /gone\.drv/);
  });

  it("ends nix when it is interrupted", async () => {
    const request = real!.instantiate("slow", derivation("slow", "echo started; sleep 100; echo x > $out"));
    const interruption = new AbortController();
    const building = realise([request], {
      signal: interruption.signal,
      onLine: (line) => line === "started" && interruption.abort(new Error("stopped")),
    });
    await assert.rejects(building, { message: "stopped" });
    assert.deepEqual(await missingPaths([request.outPath]), [request.outPath]);
  });

  it("asks for closures, sizes and differences", async () => {
    const old = real!.instantiate("old", user("system", library));
    const fresh = real!.instantiate(
      "new",
      user("system", derivation("library-2.0", "mkdir $out; head -c 100000 /dev/zero > $out/x")),
    );
    await realise([old, fresh]);
    const sizes = await closure([old.outPath]);
    assert.deepEqual([...sizes.keys()].map((path) => path.slice(44)).sort(), ["library-1.0", "system"]);
    for (const size of sizes.values()) assert.ok(size > 100 && size < 1000, String(size));
    const changes = await diffClosures(old.outPath, fresh.outPath);
    assert.equal(changes.length, 1);
    assert.match(changes[0] ?? "", /^library: 1\.0 → 2\.0, \+?97\.\d KiB$/);
    await assert.rejects(closure([`/nix/store/${"0".repeat(32)}-gone`]), { name: "BuildError" });
  });

  it("copies a closure to another store", async () => {
    const request = real!.instantiate("copied", user("copied", library));
    await realise([request]);
    const store = `local?root=${real!.path("other")}`;
    const lines: string[] = [];
    assert.deepEqual(await missingPaths([request.outPath], { store }), [request.outPath]);
    await copyClosure(store, [request.outPath], { onLine: (line) => lines.push(line) });
    assert.deepEqual(await missingPaths([request.outPath], { store }), []);
    assert.equal(lines.filter((line) => line.startsWith("copying path")).length, 2, lines.join("\n"));
    await copyClosure(store, [request.outPath], { substitute: true });
    await assert.rejects(
      copyClosure(store, [`/nix/store/${"0".repeat(32)}-gone`]),
      (error: Error & { detail?: string }) => {
        assert.equal(error.name, "CopyError");
        assert.match(error.detail ?? "", /0-gone' is required/);
        return true;
      },
    );
    await assert.rejects(copyClosure("unix:///nowhere/socket", [request.outPath]), { name: "CopyError" });
  });

  it("copies derivations to another store, and builds there", async () => {
    const request = real!.instantiate("there", user("there", derivation("library-3.0", "mkdir $out")));
    const bad = real!.instantiate("bad", failing("bad-there"));
    const daemon = await Daemon.start(real!);
    try {
      const store = daemon.uri;
      await copyDerivations(store, [request.drvPath, bad.drvPath]);
      assert.deepEqual(await missingPaths([request.drvPath, request.outPath], { store }), [request.outPath]);
      const lines: string[] = [];
      const failures = await realise([request, bad], { store, onLine: (line) => lines.push(line) });
      assert.deepEqual([...failures.keys()], ["bad"]);
      assert.match(failures.get("bad")?.detail ?? "", /> bad-there gives up/);
      assert.ok(lines.includes("bad-there begins"), lines.join("\n"));
      assert.deepEqual(await missingPaths([request.outPath], { store }), []);
      assert.deepEqual(await missingPaths([request.outPath]), [request.outPath], "not built here");
    } finally {
      await daemon.stop();
    }
  });
});

/** A nix daemon of another store, as a host's: its store directory is the same path, in a file system of its own. */
class Daemon {
  readonly uri: string;
  readonly #end: AbortController;
  readonly #ended: Promise<unknown>;

  private constructor(uri: string, end: AbortController, ended: Promise<unknown>) {
    this.uri = uri;
    this.#end = end;
    this.#ended = ended;
  }

  static async start(real: RealNix): Promise<Daemon> {
    const root = real.path("host");
    const socket = `${root}/socket`;
    real.write({ "host/nix/var/nix/keep": "" });
    const end = new AbortController();
    const script = `mount --bind ${root}/nix /nix && exec nix-daemon`;
    const ended = runLocal(
      { argv: ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", script] },
      { signal: end.signal, env: { NIX_DAEMON_SOCKET_PATH: socket } },
    ).catch(() => {});
    for (let tries = 0; !existsSync(socket) && tries < 3000; tries++) await new Promise((next) => setTimeout(next, 20));
    return new Daemon(`unix://${socket}`, end, ended);
  }

  stop(): Promise<unknown> {
    this.#end.abort();
    return this.#ended;
  }
}
