import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { z } from "zod";
import { cacheDirectory, noCache, openCache } from "../../../src/fleet/cache.ts";

const directory = join(mkdtempSync(join(tmpdir(), "bungee-cache-")), "eval");
const flake = { ref: "path:/nix/store/x?narHash=1", fingerprint: null, lockHash: null };
const nix = { text: "2.8.0" };
const schema = z.object({ drvPath: z.string() });
const value = { drvPath: "/nix/store/a.drv" };

describe("openCache", () => {
  after(() => rmSync(join(directory, ".."), { recursive: true }));
  beforeEach(() => rmSync(directory, { recursive: true, force: true }));
  const open = (other: Partial<typeof flake> = {}, version = nix) =>
    openCache({ ...flake, ...other }, version, directory);
  const files = () => readdirSync(directory).map((name) => join(directory, name));

  it("gives back what was written, for the same flake, nix and attribute only", async () => {
    await open().write("a", value);
    assert.deepEqual(await open().read("a", schema), value);
    assert.equal(await open().read("b", schema), undefined);
    assert.equal(await open({ ref: "path:/nix/store/x?narHash=2" }).read("a", schema), undefined);
    assert.equal(await openCache({ ...flake, lockHash: "1" as never }, nix, directory).read("a", schema), undefined);
    assert.equal(await open({}, { text: "2.26.3" }).read("a", schema), undefined);
  });

  it("gives nothing of another shape", async () => {
    await open().write("a", { drvPath: 7 });
    assert.equal(await open().read("a", schema), undefined);
  });

  for (const [what, text] of [
    ["empty", ""],
    ["cut off", '{"key":{'],
    ["no JSON", "hello"],
    ["null", "null"],
    ["another key's", '{"key":{"attribute":"z"},"value":{"drvPath":"/nix/store/evil.drv"}}'],
  ] as const) {
    it(`a file that is ${what} counts for nothing, and is written anew`, async () => {
      await open().write("a", value);
      const [file = ""] = files();
      writeFileSync(file, text);
      assert.equal(await open().read("a", schema), undefined);
      await open().write("a", value);
      assert.deepEqual(await open().read("a", schema), value);
    });
  }

  it("leaves no draft behind, and whole files only, with many writers", async () => {
    await Promise.all(Array.from({ length: 50 }, () => open().write("a", value)));
    assert.equal(files().length, 1);
    assert.deepEqual(JSON.parse(readFileSync(files()[0]!, "utf8")).value, value);
  });

  it("does without, where it cannot write", async () => {
    const cache = openCache(flake, nix, "/dev/null/cache");
    await cache.write("a", value);
    assert.equal(await cache.read("a", schema), undefined);
  });

  it("does without, where its folder is a file or an entry is a folder", async () => {
    await open().write("a", value);
    const [file = ""] = files();
    rmSync(file);
    mkdirSync(file);
    await open().write("a", value);
    assert.equal(await open().read("a", schema), undefined);
    assert.deepEqual(files(), [file], "its draft is gone");
  });

  it("forgets what nobody has read for a month, and keeps what was read", async () => {
    await open().write("old", value);
    await open().write("read", value);
    const longAgo = new Date(Date.now() - 40 * 24 * 3600 * 1000);
    for (const file of files()) utimesSync(file, longAgo, longAgo);
    assert.deepEqual(await open().read("read", schema), value);
    await open().write("new", value);
    assert.equal(await open().read("old", schema), undefined);
    assert.deepEqual(await open().read("read", schema), value);
    assert.equal(files().length, 2);
  });
});

it("noCache remembers nothing", async () => {
  await noCache.write("a", value);
  assert.equal(await noCache.read("a", schema), undefined);
  assert.ok(!existsSync(directory));
});

it("cacheDirectory heeds XDG_CACHE_HOME where it is absolute", () => {
  assert.equal(cacheDirectory({ XDG_CACHE_HOME: "/cache" }), "/cache/bungee/eval");
  assert.match(cacheDirectory({ XDG_CACHE_HOME: "cache" }), /\/\.cache\/bungee\/eval$/);
});
