/** The activator's questions about runs, asked by somebody who began none, or who asks for more than belongs to theirs. */
import assert from "node:assert/strict";
import { Activator, type BeginRequest } from "../../../src/activator/activator.ts";
import { direct } from "../../host/direct.ts";
import { untilQuiet, untilState } from "../scene.ts";
import { type Attempt, failed, refusedBecause, type Thief } from "./thief.ts";

const TOKEN = "0123456789abcdef";

const ask = (thief: Thief, words: string, stdin = "") => thief.ssh([], `bungee-activator ${words}`, stdin);

/** With a line on standard input that goes on for as long as somebody listens: who does not stop is ended, and has not answered. */
const endless = (thief: Thief, words: string) => {
  const ssh = thief.sshArgv([], `bungee-activator ${words}`);
  return thief.local(["sh", "-c", `tr '\\0' a </dev/zero | timeout 60 "$@"`, "sh", ...ssh]);
};

/** @param signed a system that the host would take */
export const questions = (signed: () => string): Readonly<Record<string, Attempt>> => ({
  "a run that never was": async (thief) => {
    for (const verb of ["status", "follow", "check", "confirm", "abort"]) {
      refusedBecause("no-such-run", await ask(thief, `${verb} 20260101-000000-abcdef-0 0 activating`, TOKEN));
    }
  },
  "a forged id, to look elsewhere": async (thief) => {
    const ids = [
      "../../../etc",
      "..",
      ".",
      "runs/x",
      "/etc/passwd",
      "-x",
      "x/../../../../root",
      "X",
      "x".repeat(65),
      "%2e%2e",
    ];
    for (const id of ids) {
      refusedBecause("usage", await ask(thief, `status ${id}`));
      refusedBecause("usage", await ask(thief, `begin ${id} action=switch release=${signed()}`, TOKEN));
    }
  },
  "settings that there are not, or that nobody needs": async (thief) => {
    const wrong = [
      "token=x",
      "restricted=no",
      "actor",
      "PATH=/tmp",
      "release=/etc",
      "activation-timeout=0",
      "activation-timeout=9999999",
      "confirmation-timeout=-1",
      "confirmation-timeout=1e9",
      "rollback=maybe",
      "action=rm",
    ];
    for (const word of wrong) {
      refusedBecause("usage", await ask(thief, `begin thief-x action=switch release=${signed()} ${word}`, TOKEN));
    }
  },
  "a token that is none": async (thief) => {
    for (const token of ["", "../x", "a b", "$(id)", "é"]) {
      refusedBecause("usage", await ask(thief, `begin thief-x action=switch release=${signed()}`, `${token}\n`));
    }
  },
  "a token without an end": async (thief) => {
    refusedBecause("usage", await endless(thief, `begin thief-x action=switch release=${signed()}`));
  },
  "a health check of a run that never was": async (thief) => {
    for (const kind of ["command", "unit", "tcp", "http"]) {
      refusedBecause("no-such-run", await ask(thief, `check nobodys ${kind} x 5`, `${TOKEN}\ntouch /etc/pwned\n`));
    }
  },
  "past the gate: every verb and every word for systemd": async (thief) => {
    const restricted = "sudo -n /run/current-system/sw/bin/bungee-activator-restricted";
    for (const words of [
      "run x",
      "guard x",
      "switch-ended x",
      "restricted facts",
      "roll_back",
      "-c id",
      "",
      "../x",
      "'facts; id'",
    ]) {
      refusedBecause("restricted", await thief.beyondTheGate(`${restricted} ${words}`));
    }
    const word = "'status' '$(cat /root/secret)'";
    refusedBecause("usage", await thief.beyondTheGate(`${restricted} ${word}`));
  },
  "past the gate: a script of its own in the environment": async (thief) => {
    const evil =
      "cd /tmp; umask 0; export LC_ALL=tr_TR.UTF-8 ENV=/tmp/x BASH_ENV=/tmp/x; BUNGEE_ACTIVATOR='touch /etc/pwned'";
    for (const how of [
      "",
      "-E",
      "--preserve-env=BUNGEE_ACTIVATOR",
      "-H",
      "-b",
      "-k",
      "-D /root",
      "-R /",
      "-u deploy",
      "-g root",
      "-i",
      "PATH=/tmp",
    ]) {
      const command = `sudo -n ${how} /run/current-system/sw/bin/bungee-activator-restricted facts`;
      const { code, stdout } = await thief.beyondTheGate(`${evil} ${command}`);
      // sudo refuses, or it is as it always is.
      if (code === 0) assert.match(stdout, /^\{"protocol":2,"hostName"[^\n]*\}\n$/, how);
      else assert.equal(stdout, "");
    }
  },
  "past the gate: any other command by sudo": async (thief) => {
    const sw = "/run/current-system/sw/bin";
    const commands = [
      "id",
      "-s",
      "-i",
      "-l -U root",
      "sh -c id",
      `${sw}/bungee-activator facts`,
      `${sw}/bungee-gate`,
      `${sw}/../bin/bungee-activator facts`,
      `${sw}/bungee-activator-restricted.sh`,
      "bungee-activator-restricted/../sh",
      "-e /etc/shadow",
      "tail /var/lib/bungee/history",
      "systemctl stop sshd",
      "nix-env --set /etc",
    ];
    for (const command of commands) failed(await thief.beyondTheGate(`sudo -n ${command}`));
    const allowed = await thief.host.output("sudo -l -U ci | tail -n 1");
    assert.equal(allowed.trim(), `(root) NOPASSWD: ${sw}/bungee-activator-restricted`);
  },
  "past the gate: reading and writing what is root's": async (thief) => {
    const commands = [
      "cat /root/secret",
      "ls /var/lib/bungee/runs",
      "cat /var/lib/bungee/history",
      "cat /etc/shadow",
      "touch /etc/pwned",
      "touch /home/pwned",
      "touch /home/alice/pwned",
      "touch /var/empty/.ssh",
      "touch /nix/store/pwned",
      "ln -s /tmp /nix/var/nix/gcroots/bungee/pwned",
      "nix-env --profile /nix/var/nix/profiles/system --set /run/current-system",
      "systemctl stop ssh.service",
      "kill 1",
      "/run/current-system/bin/switch-to-configuration test",
    ];
    for (const command of commands) failed(await thief.beyondTheGate(command));
  },
});

/** These leave a run in the host's books. */
export const runs = (signed: () => string): Readonly<Record<string, Attempt>> => ({
  "an operator's run: its log, its state, its end": async (thief) => {
    const activator = new Activator(direct(thief.host));
    const run = "operators-run";
    const request: BeginRequest = {
      run,
      token: TOKEN,
      release: signed(),
      action: "test",
      actor: "operator",
      activationTimeout: 60,
      confirmationTimeout: 600,
      rollback: true,
      reboot: "no",
      mayReboot: false,
      anyHost: false,
      allowFailedUnits: false,
      requireSignature: false,
    };
    await activator.begin(request);
    await untilState(thief.host, "awaiting-confirmation");
    const log = () => thief.host.output(`cat /var/lib/bungee/runs/${run}/log; ls /var/lib/bungee/runs/${run}/state`);
    const before = await log();
    for (const [words, stdin] of [
      [`status ${run}`, ""],
      [`follow ${run} 0 activating`, ""],
      [`confirm ${run}`, "ffff"],
      [`confirm ${run}`, ""],
      // The token itself is right: it is not what makes the run a deploy user's.
      [`confirm ${run}`, TOKEN],
      [`abort ${run} aborted`, TOKEN],
      [`confirm ${run} ${TOKEN}`, ""],
    ] as const) {
      refusedBecause("restricted", await ask(thief, words, stdin));
    }
    refusedBecause("locked", await ask(thief, `begin thief-second action=switch release=${signed()}`, TOKEN));
    refusedBecause("locked", await ask(thief, `begin ${run} action=switch release=${signed()}`, TOKEN));
    assert.equal(await log(), before);
    await activator.abort(run, TOKEN);
    await untilQuiet(thief.host);
  },
  "a run of its own, with a script of its own to carry it out": async (thief) => {
    // This host's sudo is careless enough to let the variable through.
    const words = `begin thiefs-script action=test release=${signed()} confirmation-timeout=600`;
    const restricted = "/run/current-system/sw/bin/bungee-activator-restricted";
    const began = await thief.beyondTheGate(
      `BUNGEE_ACTIVATOR='touch /etc/pwned' sudo -n ${restricted} ${words}`,
      TOKEN,
    );
    assert.match(began.stdout, /"state":"/);
    await untilState(thief.host, "awaiting-confirmation");
    await thief.host.output(
      "cmp /var/lib/bungee/runs/thiefs-script/activator /run/current-system/sw/bin/bungee-activator",
    );
    await ask(thief, "abort thiefs-script aborted", TOKEN);
    await untilQuiet(thief.host);
  },
  "a run of its own, by another token, or more of its log than there is": async (thief) => {
    const run = "thiefs-run";
    const began = await ask(thief, `begin ${run} action=test release=${signed()} confirmation-timeout=600`, TOKEN);
    assert.match(began.stdout, /"state":"/);
    await untilState(thief.host, "awaiting-confirmation");
    refusedBecause("token", await ask(thief, `confirm ${run}`, "ffff"));
    refusedBecause("token", await ask(thief, `confirm ${run}`, ""));
    refusedBecause("token", await ask(thief, `confirm ${run} ${TOKEN}`, ""));
    refusedBecause("token", await ask(thief, `abort ${run} aborted`, "ffff"));
    for (const offset of ["-1", "-100", "1x", "0x10", "+1", "/etc/shadow", "1,2"]) {
      refusedBecause("usage", await ask(thief, `follow ${run} ${offset} activating`));
    }
    const far = await ask(thief, `follow ${run} 999999999 activating`);
    assert.deepEqual(
      far.stdout.split("\n").filter((line) => !line.startsWith('{"protocol"') && !/^(log 0)?$/.test(line)),
      [],
    );
    refusedBecause("locked", await ask(thief, `begin ${run} action=test release=${signed()}`, TOKEN));
    // A health check may not be a way to run a command, or to look around from the host.
    refusedBecause(
      "restricted",
      await ask(thief, `check ${run} command x 5`, `${TOKEN}\ncat /root/secret; touch /etc/pwned\n`),
    );
    refusedBecause("restricted", await ask(thief, `check ${run} tcp x 5`, `${TOKEN}\n127.0.0.1\n22\n`));
    refusedBecause("restricted", await ask(thief, `check ${run} http x 5`, `${TOKEN}\nhttp://127.0.0.1/\n\n\n\n`));
    refusedBecause("usage", await ask(thief, `check ${run} command ../../x 5`, `${TOKEN}\n`));
    refusedBecause("usage", await ask(thief, `check ${run} unit x 5`, `${TOKEN}\n--state=failed\n0\n`));
    refusedBecause("token", await ask(thief, `check ${run} unit x 5`, "ffff\nsshd.service\n0\n"));
    for (const words of [`confirm ${run}`, `abort ${run} aborted`, `check ${run} unit x 5`]) {
      refusedBecause("usage", await endless(thief, words));
    }
    await ask(thief, `abort ${run} aborted`, TOKEN);
    await untilQuiet(thief.host);
  },
});
