/** What protects a host, taken out piece by piece: for each pitfall a fault as another deployer has it, and the test that must fail then. */
import type { Fault } from "./fault.ts";
import { CONFIRMATION } from "./table/confirmation.ts";
import { DEPLOYER } from "./table/deployer.ts";
import { HOST } from "./table/host.ts";
import { WAY_BACK } from "./table/way-back.ts";

const number = ({ pitfall }: Fault) => Number(pitfall.slice(1));

/** In the order of the pitfalls. */
export const FAULTS: readonly Fault[] = [...CONFIRMATION, ...WAY_BACK, ...HOST, ...DEPLOYER].toSorted(
  (one, other) => number(one) - number(other),
);
