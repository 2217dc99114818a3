/** Runs on the deployer: deploys what test/e2e/profiles.test.ts asks for by the engine's own function, its report as JSON. */
import { execFileSync } from "node:child_process";
import type { Node } from "../../../src/fleet/node.ts";
import { connect } from "../../../src/host/dial.ts";
import { deploy } from "../../../src/run/deploy.ts";
import type { DeployRequest } from "../../../src/run/job.ts";
import type { Asked } from "../profiles.test.ts";

const asked = JSON.parse(process.argv[2]!) as Asked;

const nodes = asked.nodes.map(
  ({ name, address, profile, after = [], build = "local" }): Node => ({
    name,
    hostName: null,
    addresses: [address],
    ssh: "auto",
    sshOptions: {},
    labels: {},
    after,
    enable: true,
    build,
    elevation: "auto",
    substituteOnTarget: false,
    requireSignature: false,
    activation: { timeout: 60, allowFailedUnits: false },
    confirmation: { timeout: asked.confirmationTimeout ?? 60, retryEvery: 1 },
    healthChecks: {},
    rollback: { enable: true },
    reboot: { allow: true, timeout: 600 },
    profile,
  }),
);

const request: DeployRequest = {
  deployment: `20260301-120000-${asked.id}`,
  fleet: new Map(nodes.map((node) => [node.name, node])),
  nodes,
  broken: new Map(),
  action: asked.action ?? "switch",
  reboot: asked.reboot ?? "never",
  parallel: 10,
  allowHostNameChange: false,
  lockWait: 0,
  actor: "tester",
  dryRun: false,
  evaluate: async (name) => {
    const of = asked.nodes.find((node) => node.name === name)!.of;
    const say = (what: string) =>
      execFileSync("nix", [
        "--extra-experimental-features",
        "nix-command flakes",
        "eval",
        "--raw",
        `path:${asked.flake}#profiles.${of}.${what}`,
      ]);
    return { drvPath: say("drvPath").toString(), outPath: say("outPath").toString() };
  },
};

const emit = (event: object) => console.log(JSON.stringify(event));
const { exitCode } = await deploy(request, connect, emit, new AbortController().signal);
process.exitCode = exitCode;
