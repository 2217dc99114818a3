/** What node compiled is kept for the next start, where it is safe to; and no start fails for it. */
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { runLocal } from "../../src/process.ts";

const SRC = fileURLToPath(new URL("../../src/", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "bungee-compiled-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

describe("what was compiled", () => {
  const home = join(scratch, "home");
  const cache = join(home, ".cache");
  const kept = join(cache, "bungee", "compiled");
  beforeEach(() => {
    rmSync(scratch, { recursive: true, force: true });
    mkdirSync(home, { recursive: true });
  });

  /** As main.ts does, with less to load. */
  const small = `
    import { keepCompiled } from "${SRC}compiled.ts";
    keepCompiled();
    await import("${SRC}errors.ts");`;
  const start = async (env: Record<string, string> = {}, words = ["--input-type=module", "--eval", small]) => {
    const own = { HOME: home, XDG_CACHE_HOME: undefined, NODE_COMPILE_CACHE: undefined, ...env };
    const { code, stderr } = await runLocal({ argv: [process.execPath, ...words] }, { env: own });
    assert.deepEqual([code, stderr], [0, ""]);
  };
  const files = (folder: string) =>
    globSync("**", { cwd: folder }).filter((name) => statSync(join(folder, name)).isFile());

  it("is kept, of every module but the first, for nobody else; the next start has nothing to add", async () => {
    const bungee = [`${SRC}main.ts`, "--version"];
    await start({}, bungee);
    const first = files(kept);
    assert.ok(first.length > 100, `${first.length} files`);
    assert.deepEqual(
      [kept, ...globSync("*", { cwd: kept }).map((name) => join(kept, name))].map(
        (name) => statSync(name).mode & 0o777,
      ),
      [0o700, 0o700],
    );
    const times = () => first.map((name) => statSync(join(kept, name)).mtimeMs);
    const before = times();
    await start({}, bungee);
    assert.deepEqual([files(kept), times()], [first, before]);
  });

  it("stands where XDG_CACHE_HOME says", async () => {
    await start({ XDG_CACHE_HOME: join(scratch, "elsewhere") });
    assert.notDeepEqual(files(join(scratch, "elsewhere", "bungee", "compiled")), []);
    assert.ok(!existsSync(cache));
  });

  it("is left to node's own variables where they are set", async () => {
    await start({ NODE_COMPILE_CACHE: join(scratch, "nodes") });
    await start({ NODE_DISABLE_COMPILE_CACHE: "1" });
    assert.ok(!existsSync(cache));
  });

  it("is not kept where there is no place for it", async () => {
    for (const nowhere of ["/proc", "/proc/nowhere"]) await start({ HOME: nowhere });
    await start({ XDG_CACHE_HOME: `${SRC}main.ts` });
  });

  it("is neither taken from nor put into a folder that others can write to", async () => {
    mkdirSync(kept, { recursive: true });
    chmodSync(kept, 0o777);
    await start();
    assert.deepEqual(files(kept), []);
  });

  const asRoot = process.getuid?.() === 0;
  it("is neither taken from nor put into another user's home", { skip: asRoot ? false : "needs root" }, async () => {
    chownSync(home, 1, 1);
    await start();
    assert.ok(!existsSync(cache));
    mkdirSync(kept, { recursive: true });
    chownSync(cache, 1, 1);
    await start();
    assert.deepEqual(files(kept), []);
  });

  it("of installations that are used no more is removed after a month", async () => {
    const days = (count: number) => new Date(Date.now() - count * 24 * 3600 * 1000);
    for (const [name, age] of [
      ["old", 31],
      ["other", 29],
    ] as const) {
      mkdirSync(join(kept, name), { recursive: true, mode: 0o700 });
      utimesSync(join(kept, name), days(age), days(age));
    }
    await start();
    // One that is used again after a long time stays.
    const [own = ""] = globSync("%2F*", { cwd: kept });
    utimesSync(join(kept, own), days(31), days(31));
    await start();
    assert.deepEqual([existsSync(join(kept, "old")), existsSync(join(kept, "other"))], [false, true]);
    assert.notDeepEqual(files(kept), []);
  });
});
