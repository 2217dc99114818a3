/** The activator alone, on real hosts of both releases: each test breaks a run in one way and looks at what the host became. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Activator } from "../../src/activator/activator.ts";
import { LockedError, RefusedError } from "../../src/errors.ts";
import { assertUnchanged, type Scene, skip, untilState } from "../e2e/scene.ts";
import type { Host } from "../lab/host.ts";
import { releases } from "../lab/rootfs.ts";
import { Runs, TOKEN } from "./runs.ts";

describe("the activator", { skip, concurrency: true }, () => {
  for (const release of releases)
    describe(`on ${release}`, { concurrency: 1 }, () => {
      let runs: Runs;
      let scene: Scene;
      let host: Host;
      let activator: Activator;
      let fine: string;

      before(async () => {
        runs = await Runs.open(release);
        ({ scene, host, activator } = runs);
        fine = await scene.deliver("web1", { version: "2" });
      });
      after(() => runs?.[Symbol.asyncDispose]());

      const request: Runs["request"] = (...words) => runs.request(...words);
      const follow: Runs["follow"] = (...words) => runs.follow(...words);
      const snapsBack: Runs["snapsBack"] = (...words) => runs.snapsBack(...words);
      const nothingLeft = () => runs.nothingLeft();

      const refused = (reason: string) => (error: unknown) => error instanceof RefusedError && error.reason === reason;

      test("unconfirmed, a run goes back, and says so in the history", async () => {
        const ended = await snapsBack(request(fine));
        assert.equal(ended.why, "unconfirmed");
        const history = (await host.output("cat /var/lib/bungee/history")).split("\n").map((line) => JSON.parse(line));
        assert.deepEqual(
          history.map(({ run, state, why, actor }) => ({ run, state, why, actor })),
          [{ run: ended.run, state: "rolled-back", why: "unconfirmed", actor: "tester" }],
        );
      });

      test("a confirmation is taken only in its time, only with its token, and counts once", async () => {
        // Until the test lets it go on.
        const preSwitchChecks = { wait: "while [ -e /run/wait ]; do sleep 0.1; done" };
        const waits = await scene.deliver("web1", { version: "3", config: { system: { preSwitchChecks } } });
        const before = await host.triple();
        await host.output(": >/run/wait");
        const status = await activator.begin(request(waits, { action: "test", confirmationTimeout: 30 }));
        await assert.rejects(activator.confirm(status.run, TOKEN), refused("not-yet"));
        await host.output("rm /run/wait");
        await follow(status, "awaiting-confirmation");
        await assert.rejects(activator.confirm(status.run, "0".repeat(32)), refused("token"));
        await assert.rejects(activator.confirm("run-of-nobody", TOKEN), refused("no-such-run"));
        await activator.confirm(status.run, TOKEN);
        assert.equal((await follow(status)).state, "committed");
        await activator.confirm(status.run, TOKEN);
        const now = await host.triple();
        assert.deepEqual(now, { ...before, running: waits }, "test touches neither profile nor boot default");
        await nothingLeft();
        const late = await snapsBack(request(fine));
        await assert.rejects(activator.confirm(late.run, TOKEN), refused("too-late"));
      });

      test("a second run is refused while one holds the host, and told who does", async () => {
        const status = await activator.begin(request(fine, { confirmationTimeout: 60 }));
        await assert.rejects(
          activator.begin(request(fine)),
          (error) =>
            error instanceof LockedError && /tester holds/.test(error.message) && error.message.includes(status.run),
        );
        await activator.abort(status.run, TOKEN);
        await follow(status);
        await nothingLeft();
      });

      for (const state of ["activating", "awaiting-confirmation", "rolling-back"] as const) {
        test(`the run's unit is killed while ${state}: the guard goes back`, async () => {
          const slow = await scene.deliver("web1", {
            version: `k-${state}`,
            behaviour: "slow",
            arguments: { seconds: 2 },
          });
          // A kill that comes late still hits this state.
          const more = state === "awaiting-confirmation" ? { confirmationTimeout: 60 } : {};
          const ended = await snapsBack(request(slow, more), async ({ run }) => {
            await untilState(host, state);
            await host.output(`systemctl kill --signal=KILL --kill-whom=all bungee-run-${run}.service`);
          });
          assert.equal(ended.why, state === "rolling-back" ? "unconfirmed" : "killed");
        });
      }

      test("unit, timer and guard all gone: whoever asks next sets it going again", async () => {
        await snapsBack(request(fine, { confirmationTimeout: 60 }), async ({ run }) => {
          await untilState(host, "awaiting-confirmation");
          await host.output(
            `systemctl stop bungee-guard-${run}.timer; systemctl mask --runtime bungee-guard-${run}.service`,
          );
          await host.output(`systemctl kill --signal=KILL --kill-whom=all bungee-run-${run}.service`);
          await host.output(`systemctl unmask --runtime bungee-guard-${run}.service; systemctl reset-failed`);
          await activator.status(run);
        });
      });

      test("called off, it goes back at once, in activation and after", async () => {
        const hangs = await scene.deliver("web1", { version: "h", behaviour: "hangs" });
        for (const [release, state] of [
          [hangs, "activating"],
          [fine, "awaiting-confirmation"],
        ] as const) {
          const ended = await snapsBack(request(release, { confirmationTimeout: 60 }), async ({ run }) => {
            await untilState(host, state);
            await activator.abort(run, TOKEN);
          });
          assert.equal(ended.why, "aborted");
        }
      });

      test("activation has a limit of its own", async () => {
        const hangs = await scene.deliver("web1", { version: "h", behaviour: "hangs" });
        const ended = await snapsBack(request(hangs, { activationTimeout: 1 }));
        assert.equal(ended.why, "activation-timeout");
      });

      test("rolled back on a full disk, and still able to say why", async () => {
        const ended = await snapsBack(request(fine), async () => {
          await untilState(host, "awaiting-confirmation");
          await host.fillDisk(0);
        }).finally(() => host.freeDisk());
        assert.equal(ended.why, "unconfirmed");
      });

      test("a full state directory refuses the run before anything is touched", async () => {
        const before = await host.triple();
        await host.fillDisk(0);
        await assert.rejects(activator.begin(request(fine)), refused("state-directory")).finally(() => host.freeDisk());
        assert.deepEqual(await host.triple(), before);
        await nothingLeft();
      });

      test("what is no system of this host is refused before anything is touched", async () => {
        const other = await scene.deliver("web1", { behaviour: "other-host" });
        const none = await scene.deliver("web1", { behaviour: "not-nixos" });
        const gone = "/nix/store/00000000000000000000000000000000-gone";
        const before = await host.triple();
        await assert.rejects(activator.begin(request(other)), refused("other-host"));
        await assert.rejects(activator.begin(request(none)), refused("not-nixos"));
        await assert.rejects(activator.begin(request(gone)), refused("not-valid"));
        for (const hostile of [
          "/etc",
          "/nix/store/../etc",
          `${fine}/bin`,
          "$(reboot)",
          "-h",
          "",
          `${fine}\n`,
          `${fine} `,
        ]) {
          await assert.rejects(activator.begin(request(hostile)), refused("usage"), hostile);
        }
        for (const run of ["../x", "", "-x", "a b", "$(id)", "a/b", "A", "x".repeat(65)]) {
          await assert.rejects(activator.begin(request(fine, { run })), refused("usage"), run);
        }
        assert.deepEqual(await host.triple(), before);
        await nothingLeft();
      });

      test("while nixos-rebuild switches, a run is refused", async () => {
        await host.output("systemd-run --collect --unit=nixos-rebuild-switch-to-configuration sleep 30");
        await assert.rejects(activator.begin(request(fine)), refused("switching"));
        await host.output("systemctl stop nixos-rebuild-switch-to-configuration");
        await nothingLeft();
        assert.equal(await host.output("ls /var/lib/bungee"), "history\nruns");
      });

      test("facts and dry-activate change nothing", async () => {
        const before = await host.snapshot();
        const facts = await activator.facts();
        assert.equal(facts.now.running, (await host.triple()).running);
        const log: Buffer[] = [];
        assert.equal(
          await activator.dryActivate(fine, { anyHost: false, requireSignature: false }, (chunk) => log.push(chunk)),
          0,
        );
        assert.match(Buffer.concat(log).toString(), /would/);
        assertUnchanged(before, await host.snapshot());
      });

      test("what would boot is read in GRUB's and extlinux' words too", async () => {
        const menus = {
          "/boot/grub/grub.cfg": `
set default=0
menuentry "NixOS - Default" --class nixos --unrestricted {
  linux ($drive1)/kernels/linux-6.1-bzImage init=${fine}/init loglevel=4
}
submenu "NixOS - All configurations" {
  linux ($drive1)/kernels/linux-6.1-bzImage init=/nix/store/older/init loglevel=4
}`,
          "/boot/extlinux/extlinux.conf": `
DEFAULT nixos-default
LABEL nixos-default
  LINUX ../nixos/linux-6.1-Image
  APPEND init=${fine}/init loglevel=4
LABEL nixos-1-default
  APPEND init=/nix/store/older/init loglevel=4`,
        };
        await host.output("mv /boot/loader /boot/aside");
        for (const [file, menu] of Object.entries(menus)) {
          await host.output(`mkdir -p "$(dirname ${file})"; cat >${file}`, { stdin: menu });
          assert.equal((await activator.facts()).now.bootDefault, fine, file);
          await host.output(`rm -r "$(dirname ${file})"`);
        }
        assert.equal((await activator.facts()).now.bootDefault, null, "a boot loader that is not known");
        await host.output("mv /boot/aside /boot/loader");
      });

      test("reset while nobody has confirmed: the old system boots, and the run is closed by the next question", async () => {
        const before = await host.triple();
        const status = await activator.begin(request(fine, { confirmationTimeout: 60 }));
        await follow(status, "awaiting-confirmation");
        await host.reset();
        await host.waitSsh();
        assert.equal((await host.triple()).running, before.bootDefault);
        const facts = await activator.facts();
        assert.equal(facts.lock?.sameBoot, false, "facts only looks");
        const closed = await activator.status(status.run);
        assert.deepEqual([closed.state, closed.why], ["rolled-back", "host-reset"]);
        await nothingLeft();
      });

      test("boot leaves what runs alone, and restores both profile and entry when its step fails", async () => {
        for (const behaviour of ["fails-boot-step", "fails-after-boot-step"] as const) {
          const broken = await scene.deliver("web1", { version: "b", behaviour });
          const ended = await snapsBack(request(broken, { action: "boot" }));
          assert.equal(ended.why, "boot-step");
        }
        const before = await host.triple();
        const status = await activator.begin(request(fine, { action: "boot" }));
        assert.equal((await follow(status)).state, "committed");
        assert.deepEqual(await host.triple(), { ...before, profile: fine, bootDefault: fine });
        await nothingLeft();
      });

      test("without rollback an unconfirmed system stays, and is not made permanent", async () => {
        const next = await scene.deliver("web1", { version: "9" });
        const before = await host.triple();
        const ended = await follow(await activator.begin(request(next, { rollback: false, confirmationTimeout: 1 })));
        assert.deepEqual([ended.state, ended.why], ["kept", "unconfirmed"]);
        assert.deepEqual(await host.triple(), { ...before, running: next });
        await nothingLeft();
      });
    });
});
