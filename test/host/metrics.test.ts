/** The metrics of a real host: the units of nix/metrics.nix, with the host's own systemd, sh, profile and history. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { skip } from "../e2e/scene.ts";
import { Runs } from "./runs.ts";

const script = readFileSync(join(import.meta.dirname, "..", "..", "src/activator/metrics.sh"), "utf8");
const FILE = "/run/bungee-metrics/bungee.prom";

/** What nix/metrics.nix says, but for the timer: what is told here is told because something changed. */
const UNITS = {
  "bungee-metrics.service": `[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh -c "sleep 1; exec /bin/sh /root/metrics.sh ${FILE}"
NoNewPrivileges=true
`,
  "bungee-metrics.path": `[Path]
PathChanged=/nix/var/nix/profiles
PathChanged=/var/lib/bungee
`,
};

for (const release of ["bookworm", "trixie"] as const) {
  test(`a host on ${release} tells of a new generation, and of a run that ended`, { skip }, async () => {
    await using runs = await Runs.open(release);
    const { scene, host } = runs;
    for (const [unit, text] of Object.entries({ ...UNITS, "../../../root/metrics.sh": script }))
      await host.output(`cat >/run/systemd/system/${unit} <<'END'\n${text}END`);
    await host.output("systemctl daemon-reload; systemctl start bungee-metrics.service bungee-metrics.path");
    const tells = async (...lines: string[]) => {
      for (const line of lines) {
        await host.output(`for i in $(seq 600); do ! grep -qxF '${line}' ${FILE} || exit 0; sleep 0.1; done`);
        const text = await host.output(`cat ${FILE}`);
        assert.ok(text.split("\n").includes(line), text);
      }
    };
    await tells('nixos_current_generation{host="web1"} 1', 'nixos_boot_generation{host="web1"} 1');
    assert.doesNotMatch(await host.output(`cat ${FILE}`), /bungee_last_run/);

    const next = await scene.deliver("web1", { version: "2" });
    await host.output(`nix-env --profile /nix/var/nix/profiles/system --set ${next}`);
    await tells('nixos_boot_generation{host="web1"} 2', 'nixos_current_generation{host="web1"} 1');

    await runs.commit(runs.request(next, { confirmationTimeout: 60 }));
    await runs.nothingLeft();
    // systemd hears of no change while the service runs; nix/metrics.nix has a timer for those. Here: a change that comes after it.
    await host.output(`while systemctl --quiet is-active bungee-metrics.service; do sleep 0.1; done
      sleep 0.5; : >/var/lib/bungee/seen; rm /var/lib/bungee/seen`);
    await tells(
      'bungee_last_run_state{host="web1",profile="",user="",action="switch",state="committed"} 1',
      'nixos_current_generation{host="web1"} 2',
      'nixos_boot_generation{host="web1"} 2',
      'bungee_lock_held{host="web1"} 0',
    );
  });
}
