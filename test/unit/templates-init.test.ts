/** `bungee init` as a process: what it writes where, what it leaves alone, and what it says to do next. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { hostOf, remoteOf, urlIn } from "../../src/templates/forge.ts";
import { TEMPLATES, templateFolder } from "../templates/standins.ts";
import { FORGES, type Forge, folder, init, scratch, treeOf, WORKFLOWS } from "./init.ts";

const only = (forge: Forge | undefined, path: string) =>
  FORGES.every((each) => each === forge || path !== WORKFLOWS[each]);

describe("where no flake is", () => {
  for (const template of TEMPLATES) {
    it(`writes the template ${template} as it is, with the pipeline of one forge`, async () => {
      for (const forge of template === "ci" ? [...FORGES, undefined] : [undefined]) {
        const directory = folder();
        const { code, stdout, stderr } = await init(
          "--template",
          template,
          "--ci",
          forge ?? "none",
          "--directory",
          directory,
        );
        assert.deepEqual([code, stderr], [0, ""]);
        const expected = Object.entries(treeOf(templateFolder(template))).filter(([path]) => only(forge, path));
        assert.deepEqual(treeOf(directory), Object.fromEntries(expected));
        for (const [path] of expected) assert.ok(stdout.includes(`wrote  ${join(directory, path)}\n`), path);
        assert.match(stdout, /^1\. In flake\.nix, say where you have bungee from, in place of github:OWNER\/bungee:$/m);
        assert.equal(/SIGNING_KEY/.test(stdout), forge !== undefined);
      }
    });
  }

  it("names the checkout that it was run from, which nix can take as it is", async () => {
    const { stdout } = await init("--directory", folder());
    const [, url = ""] = /^ {5}bungee\.url = "(.*)";$/m.exec(stdout) ?? [];
    const checkout = join(import.meta.dirname, "..", "..");
    assert.equal(url, existsSync(join(checkout, ".git")) ? `git+file://${checkout}` : "github:OWNER/bungee");
  });

  it("takes a fleet where no template is named", async () => {
    const directory = folder();
    assert.equal((await init("--directory", directory)).code, 0);
    assert.deepEqual(treeOf(directory), treeOf(templateFolder("fleet")));
  });
});

describe("what stands there", () => {
  const refuses = async (directory: string, named: string, ...words: string[]) => {
    const before = treeOf(directory);
    const { code, stdout, stderr } = await init("--directory", directory, ...words);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.ok(stderr.startsWith(`error: ${named}: there already, and nothing was written\n`), stderr);
    assert.deepEqual(treeOf(directory), before);
  };

  it("is never written over, and all of it is named", async () => {
    const directory = folder();
    mkdirSync(join(directory, "hosts"));
    writeFileSync(join(directory, "README.md"), "mine");
    writeFileSync(join(directory, "hosts", "web1.nix"), "mine");
    await refuses(directory, "README.md, hosts/web1.nix");
    await refuses(directory, "README.md, hosts/web1.nix", "--dry-run");
  });

  it("may be a link that leads nowhere, or out, or a file where a folder is wanted", async () => {
    const [nowhere, out, file] = [folder(), folder(), folder()];
    symlinkSync("/does/not/exist", join(nowhere, "README.md"));
    symlinkSync(folder(), join(out, "hosts"));
    writeFileSync(join(file, "modules"), "");
    await refuses(nowhere, "README.md");
    await refuses(out, "hosts");
    await refuses(file, "modules");
  });

  it("stays alone with --dry-run, which says what would be written", async () => {
    const directory = folder();
    const { code, stdout } = await init("--dry-run", "--directory", directory);
    assert.equal(code, 0);
    assert.deepEqual(treeOf(directory), {});
    assert.ok(stdout.startsWith(`would write  ${join(directory, "README.md")}\n`), stdout);
  });
});

describe("a second time", () => {
  it("finds its own work there, writes nothing, and says the same steps again", async () => {
    const directory = folder();
    const again = ["--template", "ci", "--ci", "github", "--directory", directory];
    const first = await init(...again);
    const before = treeOf(directory);
    const { code, stdout, stderr } = await init(...again);
    assert.deepEqual([code, stderr, treeOf(directory)], [0, "", before]);
    assert.doesNotMatch(stdout, /^wrote/m);
    for (const path of Object.keys(before)) assert.ok(stdout.includes(`there  ${join(directory, path)}\n`), path);
    assert.equal(stdout.slice(stdout.indexOf("Next:")), first.stdout.slice(first.stdout.indexOf("Next:")));
  });

  it("writes what is missing; but nothing beside a file that is another one's now", async () => {
    const directory = folder();
    const again = ["--template", "minimal", "--directory", directory];
    await init(...again);
    const whole = treeOf(directory);
    rmSync(join(directory, "web1.nix"));
    assert.match((await init(...again)).stdout, /^wrote {2}.*\/web1\.nix$/m);
    assert.deepEqual(treeOf(directory), whole);
    rmSync(join(directory, "web1.nix"));
    writeFileSync(join(directory, "hardware.nix"), "{ }");
    const { code, stderr } = await init(...again);
    assert.equal(code, 2);
    assert.match(stderr, /^error: hardware\.nix: there already, and nothing was written\n/);
    assert.ok(!("web1.nix" in treeOf(directory)));
  });
});

describe("where git is not", () => {
  it("the steps begin with it", async () => {
    const [outside, inside] = [folder(), folder()];
    execFileSync("git", ["init", "--quiet"], { cwd: inside });
    const lock = /^ {5}(.*)git add --all && nix flake lock/m;
    assert.equal(lock.exec((await init("--directory", outside)).stdout)?.[1], "git init && ");
    assert.equal(lock.exec((await init("--directory", inside)).stdout)?.[1], "");
  });
});

describe("which forge", () => {
  it("is read from the git remote, of a folder in the repository and of another work tree, too", async () => {
    const git = (cwd: string, ...words: string[]) => execFileSync("git", words, { cwd, stdio: "ignore" });
    for (const [url, forge] of [
      ["git@github.com:octo/fleet.git", "github"],
      ["https://codeberg.org/octo/fleet", "forgejo"],
      ["ssh://git@gitlab.example.org:2222/octo/fleet.git", "gitlab"],
    ] as const) {
      const repository = folder();
      git(repository, "init", "--quiet");
      git(repository, "remote", "add", "other", "https://example.org/x");
      git(repository, "remote", "add", "origin", url);
      const below = join(repository, "a", "fleet");
      mkdirSync(below, { recursive: true });
      assert.equal((await init("--template", "ci", "--directory", below)).code, 0);
      assert.ok(WORKFLOWS[forge] in treeOf(below), url);
      const [name, email] = ["user.name=test", "user.email=test@localhost"];
      git(repository, "-c", name, "-c", email, "commit", "--quiet", "--allow-empty", "--message", "x");
      const tree = join(scratch, `tree-of-${forge}`);
      git(repository, "worktree", "add", "--quiet", tree);
      assert.equal((await remoteOf(tree)).pipeline, forge);
    }
  });

  it("has to be said where nothing tells", async () => {
    const directory = folder();
    const { code, stderr } = await init("--template", "ci", "--directory", directory);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^error: which forge the pipeline is for is not known: git names no remote, and --ci is not given\n {2}mend: say --ci github, forgejo, gitlab or none\n/,
    );
    execFileSync("git", ["init", "--quiet"], { cwd: directory });
    execFileSync("git", ["remote", "add", "origin", "git@git.example.org:x"], { cwd: directory });
    assert.match(
      (await init("--template", "ci", "--directory", directory)).stderr,
      /the remote git\.example\.org may be any forge/,
    );
    assert.deepEqual(
      Object.keys(treeOf(directory)).filter((path) => !path.startsWith(".git/")),
      [],
    );
  });

  it("is in the host's name, however the remote is written", () => {
    for (const [url, expected] of [
      ["https://user:secret@GitHub.com/x/y", "github.com"],
      ["git@github.com:x/y.git", "github.com"],
      ["github.com:x/y", "github.com"],
      ["ssh://git@[2001:db8::1]:22/x", "[2001:db8::1]"],
      ["/srv/git/fleet", null],
      ["../fleet", null],
      ["", null],
    ] as const)
      assert.equal(hostOf(url), expected, url);
    assert.equal(urlIn('[branch "x"]\n url = a\n[remote "b"]\n\turl = b\n[remote "origin"]\n\turl = c\n'), "c");
    assert.equal(urlIn('[core]\n bare = false\n[remote "b"]\n\tfetch = x\n'), undefined);
  });
});

describe("a command line that makes no sense", () => {
  for (const [what, words, message] of [
    ["names hosts", ["web1"], /^error: bungee init chooses no hosts, and web1 stands there/],
    ["knows another template", ["--template", "feet"], /^error: --template is feet.*did you mean fleet\?/],
    [
      "wants a pipeline of what has none",
      ["--template", "minimal", "--ci", "github"],
      /^error: the template minimal has no pipeline/,
    ],
    ["has an empty folder", ["--directory", ""], /^error: --directory is empty/],
    ["has a folder that is not there", ["--directory", "/does/not/exist"], /^error: \/does\/not\/exist is no folder/],
  ] as const) {
    it(what, async () => {
      const { code, stdout, stderr } = await init(...words);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, message);
    });
  }
});
