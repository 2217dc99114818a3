/** What is refused of a profile besides the system, before anything is touched: the activator alone. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { BeginRequest, ProfileWords } from "../../src/activator/activator.ts";
import { SCRIPT } from "../../src/activator/script.ts";
import { RefusedError } from "../../src/errors.ts";
import { assertUnchanged, skip } from "../e2e/scene.ts";
import { BLOG, BLOG_LINK, Profiles } from "./profiles.ts";
import { Runs } from "./runs.ts";

const refused = (reason: string) => (error: unknown) => error instanceof RefusedError && error.reason === reason;

describe("a profile besides the system is refused", { skip, concurrency: 1 }, () => {
  let runs: Runs;
  let profiles: Profiles;
  let fine: string;
  let system: string;

  before(async () => {
    runs = await Runs.open("bookworm");
    profiles = new Profiles(runs);
    fine = await profiles.deliver("fine");
    system = await runs.scene.deliver("web1", { version: "2" });
    // What every beginning makes, before it looks at anything.
    await runs.host.output("install -d /var/lib/bungee/runs /nix/var/nix/gcroots/bungee");
  });
  after(() => runs?.[Symbol.asyncDispose]());

  /** Refused by the verb that would change the host, and by those that would not. */
  const isRefused = async (reason: string, profile: ProfileWords, release = fine, more: Partial<BeginRequest> = {}) => {
    const before = await runs.host.snapshot();
    const what = `${JSON.stringify(profile)} ${release}`;
    await assert.rejects(runs.activator.begin(profiles.request(profile, release, more)), refused(reason), what);
    assertUnchanged(before, await runs.host.snapshot());
    assert.equal((await runs.host.run("test -e /root/trail -o -e /home/alice/trail -o -e /run/pwned")).code, 1, what);
  };

  test("with any boot: it has none", async () => {
    await isRefused("no-boot", BLOG, fine, { action: "boot" });
    await isRefused("no-boot", BLOG, fine, { action: "switch", reboot: "yes" });
  });

  test("of nobody, and of who is none", async () => {
    await isRefused("no-such-user", { ...BLOG, user: "nobody-here" });
    for (const user of ["", "0", "-u", "a b", "$(touch /run/pwned)", "alice\n", "root;id", "x".repeat(65)])
      await isRefused(user.length > 64 ? "no-such-user" : "usage", { ...BLOG, user });
  });

  test("without a name that is one", async () => {
    for (const name of ["", "-p", ".", "..", "../x", "a/b", "a b", "`touch /run/pwned`", "b\n", "x".repeat(65)])
      await isRefused("usage", { ...BLOG, name });
  });

  test("at a path that is none, that is the store's, or that is somebody's file", async () => {
    for (const path of [
      "blog",
      "/",
      "/blog",
      "/root/../etc/blog",
      "/root/./blog",
      "/root//blog",
      "/root/blog/",
      "/root/..",
      "/root/a b",
      "/root/$(touch /run/pwned)",
      "/root/blog\n",
      "/nix/store/blog",
      `${fine}/blog`,
      `/root/${"x".repeat(520)}`,
    ])
      await isRefused("usage", { ...BLOG, path });
    await runs.host.output("ln -s /nix/store /root/in-the-store; ln -s /etc/passwd /root/to-passwd");
    await isRefused("usage", { ...BLOG, path: "/root/in-the-store/blog" });
    await isRefused("not-a-profile", { ...BLOG, path: "/etc/passwd" });
    await isRefused("not-a-profile", { ...BLOG, path: "/root/to-passwd" });
  });

  test("without the program, and where it is a system", async () => {
    await isRefused("not-activatable", BLOG, await profiles.deliverBare("bare"));
    await isRefused("not-activatable", BLOG, system);
    await isRefused("not-activatable", BLOG, await profiles.wrap(system));
    await isRefused("not-valid", BLOG, "/nix/store/00000000000000000000000000000000-gone");
    await isRefused("usage", BLOG, `${fine}/deploy-rs-activate`);
  });

  test("where signatures are asked for, and nobody signed it", async () => {
    await isRefused("not-signed", BLOG, fine, { requireSignature: true });
  });

  test("a system in deploy-rs' wrapper is none, and the host says which it is", async () => {
    const wrapper = await profiles.wrap(system);
    const before = await runs.host.triple();
    await assert.rejects(runs.activator.begin(runs.request(wrapper)), refused("not-nixos"));
    assert.deepEqual(await runs.host.triple(), before);
    assert.deepEqual(await runs.activator.unwrap(wrapper), { release: system, profile: false });
    assert.deepEqual(await runs.activator.unwrap(system), { release: system, profile: false });
    assert.deepEqual(await runs.activator.unwrap(fine), { release: fine, profile: true });
    await assert.rejects(runs.activator.unwrap("/etc"), refused("usage"));
  });

  test("of a deploy user, by every verb", async () => {
    await runs.host.output(["sh", "-c", "cat >/root/restricted"], {
      stdin: SCRIPT.replace(/^restricted=no$/m, "restricted=yes"),
    });
    const words = ["profile=blog", "profile-user=root"];
    for (const question of [
      ["facts", ...words],
      ["begin", "run-x", "action=switch", `release=${fine}`, ...words],
      ["begin", "run-x", "action=switch", `release=${fine}`, "profile="],
      ["stage", fine, "no", "no", ...words],
      ["dry-activate", fine, "no", "no", ...words],
    ]) {
      const asked = await runs.host.run(["sh", "/root/restricted", ...question], { stdin: "0123456789abcdef\n" });
      assert.equal(JSON.parse(asked.stdout).error, "restricted", question.join(" "));
    }
    assert.equal((await runs.host.run(`test -e ${BLOG_LINK} -o -e /root/trail`)).code, 1);
  });
});
