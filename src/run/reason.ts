/** Why a run was not committed, from the activator's word for it to what a person reads. */
import type { RunStatus } from "../activator/protocol.ts";
import { describeError, type ErrorReport, UnhealthyError } from "../errors.ts";
import type { Session } from "./session.ts";

const MENDS: Readonly<Record<string, string>> = {
  unconfirmed:
    "the new system could not be reached or was not well: look at its network, firewall, sshd, keys and sudo rules",
  "failed-units": "see the units' part of the log (--verbose), or journalctl -b on the host",
  "activation-failed": "see the activation's log above",
  "activation-timeout": "raise bungee.activation.timeout of the node (or --activation-timeout) if it only needs longer",
  "activation-killed": "something on the host ended the activation: see journalctl -b there",
  "boot-step": "the boot loader could not be written: look at the free space of /boot and the log",
  profile: "look at the free space of the host's /nix",
  "init-changed": "deploy with --action boot, and reboot the host",
  "switch-not-started": "wait until the other switch (a nixos-rebuild?) is done, then deploy again",
  "host-reset": "the host went down in mid-run: see journalctl -b -1 there",
  killed: "the run was killed on the host: see journalctl there",
  "not-booted": "the boot loader did not start the new system: see its menu on the host's console",
  emergency: "see journalctl -b -1 on the host: the new system did not get as far as its units",
  unhealthy: "look at the services on the host: systemctl status, journalctl -b",
  aborted: "deploy again when you are ready",
};

export function reason(session: Session, status: RunStatus, note?: string): ErrorReport {
  const { trouble } = session;
  const unwell = trouble instanceof UnhealthyError ? trouble : undefined;
  // A host that was not well until its time was over knows only that nobody confirmed.
  const code = unwell && status.why === "unconfirmed" ? unwell.code : (status.why ?? status.state);
  const said = code === "unhealthy" && unwell ? describeError(unwell) : undefined;
  const message = said?.message ?? status.message ?? `the run ended ${status.state}`;
  const detail = code === "unconfirmed" && trouble ? `seen from here: ${trouble.message}` : said?.detail;
  return {
    code,
    message: note ? `${message} (${note})` : message,
    mend: said?.mend ?? ((Object.hasOwn(MENDS, code) && MENDS[code]) || "see the log"),
    ...(detail ? { detail } : {}),
  };
}
