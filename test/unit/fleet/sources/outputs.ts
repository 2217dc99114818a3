/** Outputs of flakes as deploy-rs and colmena have them, as Nix code. */
import { nixString } from "../../../../src/nix/command.ts";
import { derivation } from "../../nix/real-nix.ts";

const ITS_OWN = `# ${process.pid} ${Date.now()} sources`;
export const built = (name: string) => derivation(name, `echo ${name} > $out ${ITS_OWN}`);

/** deploy.nodes.<name> with profiles of plain derivations. */
export const deployNode = (settings: string, profiles: readonly string[]) =>
  `{ hostname = "10.0.0.1"; user = "root"; ${settings} profiles = { ${profiles.map((name) => `${nixString(name)}.path = ${built(`profile-${name.replaceAll(/\W/g, "-")}`)};`).join(" ")} }; }`;
export const deploy = (nodes: Readonly<Record<string, string>>, common = "") =>
  `deploy = { ${common} nodes = { ${Object.entries(nodes)
    .map(([name, code]) => `${nixString(name)} = ${code};`)
    .join("\n")} }; };`;

/** A node as an evaluated hive has it: what makeHive of colmena gives. */
export const hiveNode = (name: string, deployment = "", config = "{ }") =>
  `{ config = { system.build.toplevel = ${built(`hive-${name}`)}; networking.hostName = "${name}"; deployment = {
    targetHost = "${name}"; targetPort = null; targetUser = "root"; tags = [ ]; buildOnTarget = false; allowLocalDeployment = false;
    replaceUnknownProfiles = true; privilegeEscalationCommand = [ "sudo" "-H" "--" ]; sshOptions = [ ]; keys = { };
  } // { ${deployment} }; } // ${config}; }`;
export const hive = (nodes: Readonly<Record<string, string>>, meta = "") =>
  `colmenaHive = rec { __schema = "v0.5"; nodes = { ${Object.entries(nodes)
    .map(([name, code]) => `${nixString(name)} = ${code};`)
    .join("\n")} };
    toplevel = builtins.mapAttrs (_: node: node.config.system.build.toplevel) nodes;
    deploymentConfig = builtins.mapAttrs (_: node: node.config.deployment) nodes;
    metaConfig = { name = "hive"; description = "A hive"; machinesFile = null; allowApplyAll = true; } // { ${meta} };
    introspect = f: f { }; };`;
