/** Profiles besides the system, by the activator alone: set when confirmed and not before, and the way back is what was there. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { RefusedError } from "../../src/errors.ts";
import { assertUnchanged, skip, untilQuiet, untilState } from "../e2e/scene.ts";
import { releases } from "../lab/rootfs.ts";
import { BLOG, BLOG_LINK, HOME, HOME_LINK, Profiles } from "./profiles.ts";
import { Runs, TOKEN } from "./runs.ts";

const refused = (reason: string) => (error: unknown) => error instanceof RefusedError && error.reason === reason;

describe("a profile besides the system", { skip, concurrency: true }, () => {
  for (const release of releases)
    describe(`on ${release}`, { concurrency: 1 }, () => {
      let runs: Runs;
      let profiles: Profiles;
      let one: string;
      let two: string;

      before(async () => {
        runs = await Runs.open(release);
        profiles = new Profiles(runs);
        one = await profiles.deliver("one");
        two = await profiles.deliver("two");
      });
      after(() => runs?.[Symbol.asyncDispose]());

      /** It must end rolled back, its link where it was all the time, and `one` activated again. */
      const snapsBack = async (
        broken: Parameters<Runs["snapsBack"]>[0],
        activated: string[],
        disturb?: Parameters<Runs["snapsBack"]>[1],
      ) => {
        const links = await profiles.host.output(`ls -l ${BLOG_LINK}*`);
        const ended = await runs.snapsBack(broken, disturb);
        assert.deepEqual(await profiles.activated(), activated);
        assert.equal(await profiles.host.output(`ls -l ${BLOG_LINK}*`), links);
        return ended;
      };

      test("that was never there: unconfirmed, there is no way back, and that is said", async () => {
        const ended = await profiles.doesNotSnapBack(profiles.request(BLOG, two));
        assert.equal(ended.why, "unconfirmed");
        assert.match(ended.message ?? "", /there was no profile blog before, so nothing undoes/);
        assert.deepEqual(ended.now, { running: null, profile: null, bootDefault: null });
        assert.deepEqual(await profiles.activated(), ["two"]);
        assert.equal(await profiles.at(BLOG_LINK), "");
      });

      test("is set when it is confirmed, by root for root, and the history names it", async () => {
        const system = await runs.host.triple();
        await profiles.commit(BLOG, one);
        assert.deepEqual(await profiles.activated(), ["one"]);
        assert.equal(await profiles.at(BLOG_LINK), "one");
        assert.equal(await profiles.host.output(`readlink ${BLOG_LINK}`), "blog-1-link");
        assert.deepEqual(await runs.host.triple(), system, "the system has nothing of it");
        const { profile, user, state } = JSON.parse(await runs.host.output("tail -n 1 /var/lib/bungee/history"));
        assert.deepEqual([profile, user, state], ["blog", "root", "committed"]);
        const { now } = await runs.activator.facts(BLOG);
        assert.deepEqual(now, { running: one, profile: one, bootDefault: null });
      });

      test("unconfirmed, what the link led to all the time is activated again", async () => {
        const ended = await snapsBack(profiles.request(BLOG, two), ["two", "one"], async () => {
          await untilState(runs.host, "awaiting-confirmation");
          assert.equal(await profiles.at(BLOG_LINK), "one", "it is set when it is confirmed, and not before");
        });
        assert.equal(ended.why, "unconfirmed");
        assert.equal(ended.now?.profile, one);
      });

      test("it is what was there, not what has a lower number; after a rollback by hand too", async () => {
        const three = await profiles.deliver("three");
        await profiles.commit(BLOG, two);
        await profiles.activated();
        await snapsBack(profiles.request(BLOG, three), ["three", "two"]);
        await runs.host.output(`nix-env --profile ${BLOG_LINK} --switch-generation 1`);
        await snapsBack(profiles.request(BLOG, three), ["three", "one"]);
        await runs.host.output(`nix-env --profile ${BLOG_LINK} --delete-generations 2`);
      });

      test("an activation that fails, that does not end, that is killed", async () => {
        const fails = await profiles.deliver("fails", "exit 4");
        const hangs = await profiles.deliver("hangs", "sleep 600");
        const killed = await profiles.deliver("killed", "kill -KILL $$");
        const why = async (path: string, more = {}) => {
          return (await snapsBack(profiles.request(BLOG, path, more), [path.slice(44), "one"])).why;
        };
        assert.equal(await why(fails), "activation-failed");
        assert.equal(await why(hangs, { activationTimeout: 5 }), "activation-timeout");
        assert.equal(await why(killed), "activation-killed");
      });

      test("systemd starts itself anew, and hears nobody meanwhile: who asks after the run does not end it", async () => {
        const anew = await profiles.deliver(
          "anew",
          "for i in 1 2 3 4 5 6 7 8; do systemctl daemon-reexec; sleep 0.2; done",
        );
        const { run } = await runs.activator.begin(
          profiles.request(BLOG, anew, { activationTimeout: 60, confirmationTimeout: 60 }),
        );
        await untilState(runs.host, "activating");
        await runs.host.output(`cd /var/lib/bungee/runs/${run}
          while [ -e state/activating ]; do sh ./activator status ${run} >/dev/null; done`);
        const { state, why } = await runs.activator.status(run);
        assert.deepEqual([state, why], ["awaiting-confirmation", null]);
        await runs.activator.abort(run, TOKEN);
        await runs.nothingLeft();
        assert.deepEqual(await profiles.activated(), ["anew", "one"]);
      });

      test("units that fail and did not before: no confirmation", async () => {
        const breaks = await profiles.deliver("breaks", "systemd-run --quiet --wait --unit=broken false || true");
        await snapsBack(
          profiles.request(BLOG, breaks, { confirmationTimeout: 20 }),
          ["breaks", "one"],
          async ({ run }) => {
            await untilState(runs.host, "awaiting-confirmation");
            await assert.rejects(runs.activator.confirm(run, TOKEN), refused("failed-units"));
            await runs.activator.abort(run, TOKEN);
          },
        );
        await runs.host.output("systemctl reset-failed broken");
      });

      for (const state of ["activating", "awaiting-confirmation", "rolling-back"] as const) {
        test(`the run's unit is killed while ${state}: the guard goes back`, async () => {
          const slow = await profiles.deliver(`slow-${state}`, "sleep 2");
          const back = await profiles.deliver("back", "sleep 2");
          await profiles.commit(BLOG, back);
          await profiles.activated();
          // A kill that comes late still hits this state.
          const more = state === "awaiting-confirmation" ? { confirmationTimeout: 60 } : {};
          const ended = await runs.snapsBack(profiles.request(BLOG, slow, more), async ({ run }) => {
            await untilState(runs.host, state);
            await runs.host.output(`systemctl kill --signal=KILL --kill-whom=all bungee-run-${run}.service`);
          });
          assert.equal(ended.why, state === "rolling-back" ? "unconfirmed" : "killed");
          assert.equal((await profiles.activated()).at(-1), "back");
          assert.equal(await profiles.at(BLOG_LINK), "back");
          await profiles.commit(BLOG, one);
          await profiles.activated();
        });
      }

      test("another run is refused meanwhile, of the system too", async () => {
        const system = await runs.scene.deliver("web1", { version: "2" });
        const held = profiles.request(BLOG, two, { confirmationTimeout: 60 });
        await snapsBack(held, ["two", "one"], async ({ run }) => {
          await untilState(runs.host, "awaiting-confirmation");
          for (const request of [runs.request(system), profiles.request(HOME, two)])
            await assert.rejects(runs.activator.begin(request), (error: Error) => error.message.includes(run));
          await runs.activator.abort(run, TOKEN);
        });
      });

      test("the host is reset: what was there is activated again by itself, and the run is closed", async () => {
        const request = profiles.request(BLOG, two, { confirmationTimeout: 600 });
        const { run } = await runs.activator.begin(request);
        await untilState(runs.host, "awaiting-confirmation");
        await runs.host.output("sync");
        await runs.host.reset();
        await runs.host.waitSsh();
        await untilQuiet(runs.host);
        assert.deepEqual(await profiles.activated(), ["two", "one"]);
        assert.equal(await profiles.at(BLOG_LINK), "one");
        const closed = await runs.activator.status(run);
        assert.deepEqual([closed.state, closed.why], ["rolled-back", "host-reset"]);
        await runs.nothingLeft();
      });

      test("what was there cannot be activated again: that is said, and who looks finds it", async () => {
        const stubborn = await profiles.deliver("stubborn", "[ ! -e /run/stubborn ]");
        await profiles.commit(BLOG, stubborn);
        await runs.host.output(": >/run/stubborn");
        // It sets its own profile, as some do: the link is put back all the same.
        const sets = await profiles.deliver("sets", `nix-env --profile ${BLOG_LINK} --set $PROFILE`);
        const ended = await profiles.doesNotSnapBack(profiles.request(BLOG, sets));
        assert.match(ended.message ?? "", /the activation of what profile blog was before exited with 1/);
        assert.equal(await profiles.at(BLOG_LINK), "stubborn");

        const bare = await profiles.deliverBare("bare");
        await runs.host.output(`nix-env --profile ${BLOG_LINK} --set ${bare}`);
        const other = await profiles.doesNotSnapBack(profiles.request(BLOG, two));
        assert.match(other.message ?? "", /-bare, has no program deploy-rs-activate to go back with/);
        assert.equal(await profiles.at(BLOG_LINK), "bare");
        await profiles.commit(BLOG, one);
        await profiles.activated();
      });

      test("without rollback it stays activated, and is not set", async () => {
        const begun = await runs.activator.begin(profiles.request(BLOG, two, { rollback: false }));
        const ended = await runs.follow(begun);
        assert.deepEqual([ended.state, ended.why], ["kept", "unconfirmed"]);
        assert.deepEqual(await profiles.activated(), ["two"]);
        assert.equal(await profiles.at(BLOG_LINK), "one");
        await runs.nothingLeft();
      });

      test("test activates, and sets nothing", async () => {
        await runs.commit(profiles.request(BLOG, two, { action: "test", confirmationTimeout: 60 }));
        await runs.nothingLeft();
        assert.deepEqual(await profiles.activated(), ["two"]);
        assert.equal(await profiles.at(BLOG_LINK), "one");
      });

      test("dry-activate changes nothing, and stage keeps it", async () => {
        const says = await profiles.deliver("says", 'rm "$HOME/trail"; echo "would, as $(id -un) with $DRY_ACTIVATE"');
        const before = await runs.host.snapshot();
        const terms = { anyHost: false, requireSignature: false };
        for (const profile of [BLOG, HOME]) {
          const log: Buffer[] = [];
          const code = await runs.activator.dryActivate(says, { ...terms, profile }, (chunk) => log.push(chunk));
          assert.equal(code, 0);
          assert.match(Buffer.concat(log).toString(), new RegExp(`would, as ${profile.user} with 1`));
        }
        assertUnchanged(before, await runs.host.snapshot());
        await runs.activator.stage(says, { ...terms, profile: HOME });
        assert.equal(await runs.host.output("readlink /nix/var/nix/gcroots/bungee/staged-alice-home"), says);
        await runs.host.output("rm /nix/var/nix/gcroots/bungee/*");
      });

      test("another user's: activated and set as that user, where nix keeps that user's profiles", async () => {
        await profiles.commit(HOME, one);
        assert.equal(await runs.host.output("cat /home/alice/trail"), `alice /home/alice ${one} ${one} dry=0 boot=0`);
        assert.equal(await profiles.at(HOME_LINK), "one");
        assert.equal(await runs.host.output(`stat -c %U /home/alice/.local ${HOME_LINK}`), "alice\nalice");
        await profiles.activated("/home/alice");
        await runs.snapsBack(profiles.request(HOME, two));
        assert.deepEqual(await profiles.activated("/home/alice"), ["two", "one"]);

        // An older nix has made the old place by now, and the profile has stayed where it was; where it was never, it goes to the old place.
        const old = "/nix/var/nix/profiles/per-user/alice";
        await runs.host.output(`install -d -o alice ${old}; rm ${HOME_LINK}*`);
        await profiles.commit(HOME, two);
        assert.deepEqual([await profiles.at(`${old}/home`), await profiles.at(HOME_LINK)], ["two", ""]);
        await runs.host.output(`rm -r ${old}`);

        // As the user's own session has it.
        const pam = "/etc/pam.d/runuser";
        await runs.host.output(`cp ${pam} /root/pam; echo session required pam_env.so readenv=1 >>${pam}
          echo XDG_STATE_HOME=/home/alice/state >>/etc/environment`);
        await profiles.commit(HOME, two);
        assert.equal(await profiles.at("/home/alice/state/nix/profiles/home"), "two");
        await runs.host.output(`cp /root/pam ${pam}; rm /etc/environment; rm -rf ${old}`);

        const elsewhere = "/home/alice/deep/er/home";
        await profiles.commit({ ...HOME, path: elsewhere }, two);
        assert.equal(await profiles.at(elsewhere), "two");
      });

      test("where the user may not set it: confirmed, tried, and gone back", async () => {
        const path = "/root/not-for-alice";
        await runs.host.output(`ln -s ${one} ${path}`);
        await profiles.activated("/home/alice");
        const ended = await runs.snapsBack(
          profiles.request({ ...HOME, path }, two, { confirmationTimeout: 60 }),
          async ({ run }) => {
            await untilState(runs.host, "awaiting-confirmation");
            await runs.activator.confirm(run, TOKEN);
          },
        );
        assert.equal(ended.why, "profile");
        assert.deepEqual(await profiles.activated("/home/alice"), ["two", "one"]);
        assert.equal(await profiles.at(path), "one");
      });
    });
});

test("a profile on a Linux that is no NixOS", { skip }, async () => {
  await using runs = await Runs.open("trixie", { installed: false });
  const profiles = new Profiles(runs);
  await profiles.commit(HOME, await profiles.deliver("one"));
  await runs.snapsBack(profiles.request(HOME, await profiles.deliver("two")));
  assert.deepEqual(await profiles.activated("/home/alice"), ["one", "two", "one"]);
  assert.equal(await profiles.at(HOME_LINK), "one");
});
