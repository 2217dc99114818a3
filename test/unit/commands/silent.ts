import type { Reporter } from "../../../src/report/reporter.ts";

export const silent: Reporter = { event() {}, withTerminal: (talk) => talk(), async close() {} };
