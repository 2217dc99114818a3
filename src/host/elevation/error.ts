/** Why a user may not become root, and what would mend it. */
import { ElevationError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import type { Refusal, Tool } from "./way.ts";

/** @param tried refusals of every way that was tried; at least one */
export function elevationError(bare: Connection, tried: readonly Refusal[]): ElevationError {
  const { node, user } = bare;
  // A tool that is not there counts only where there is none at all.
  const present = tried.filter(({ absent }) => !absent);
  const refusals = present.length > 0 ? present : tried;
  const tools = [...new Set(refusals.map(({ tool }) => tool))];
  const detail = refusals
    .filter(({ said }) => said !== "")
    .map(({ tool, said }) => (said.startsWith(tool) ? said : `${tool}: ${said}`));
  const wrong = refusals.find(({ password }) => password !== undefined);
  const message =
    wrong === undefined
      ? `${user} may not become root on ${node} by ${tools.join(" or ")} without a password`
      : `${node} does not take the password of ${wrong.password}, with which ${user} would become root by ${wrong.tool}`;
  return new ElevationError(message, {
    mend: detail.some((line) => /\btty\b/.test(line))
      ? NO_TTY
      : wrong
        ? OTHER_PASSWORD
        : MENDS[tools[0] ?? "sudo"](user),
    detail: [...new Set(detail)].join("\n") || undefined,
    node,
  });
}

const NO_TTY = "take requiretty out of the host's sudoers: bungee's input is bytes, which a terminal would change";
const OTHER_PASSWORD =
  "deploy again with the right one; a host may lock an account after a few wrong ones (faillock --user … on the host tells)";

const MENDS: Readonly<Record<Tool, (user: string) => string>> = {
  sudo: (user) =>
    `at a terminal, bungee asks for the password, and BUNGEE_SUDO_PASSWORD_FILE names a file that has it; ` +
    `or allow it without one on the host (NixOS: security.sudo.wheelNeedsPassword = false, and ${user} in wheel), or log in as root`,
  doas: (user) => `doas has to allow it without asking: permit nopass ${user} as root, in the host's doas.conf`,
  run0: (user) =>
    `run0 needs systemd 256, and a polkit rule on the host that lets ${user} do org.freedesktop.systemd1.manage-units without being asked`,
};
