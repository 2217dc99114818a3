/** Health checks decide the confirmation: whoever is not well goes back, with the reason, and nothing of the checks stays on the host. */
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Release } from "../lab/rootfs.ts";
import type { State } from "../lab/state.ts";
import type { SystemSpec } from "../systems/fleet.ts";
import { type Deployment, Scene, skip } from "./scene.ts";

type Checks = Readonly<Record<string, unknown>>;

interface Case {
  readonly checks?: Checks;
  readonly kind: "confirmed" | "rolled-back";
  readonly why?: string;
  /** Of the reason's message and detail. */
  readonly says?: RegExp;
  readonly spec?: SystemSpec;
  /** Seconds. */
  readonly timeout?: number;
  readonly allowFailedUnits?: boolean;
  readonly releases?: readonly Release[];
}

/** Text that would do something if any shell on the way took it for a command; the middle has a line of its own. */
const HOSTILE = `it's "\${HOME}" $(touch /run/pwned) \`touch /run/pwned\` %n; touch /run/pwned & \\`;

/** Answers every request with what stands in /etc/answer, once `delay` seconds are over. */
function web(body: string, { status = "200 OK", delay = 0 } = {}): SystemSpec {
  const answer = `HTTP/1.0 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  const serve = `while read -r line && [ "\${#line}" -gt 1 ]; do :; done; cat /etc/answer`;
  return {
    config: {
      environment: { etc: { answer: { text: answer } } },
      systemd: {
        services: {
          web: {
            wantedBy: ["multi-user.target"],
            script: `sleep ${delay}\nexec systemd-socket-activate --listen 8080 --accept --inetd sh -c '${serve}'`,
          },
        },
      },
    },
  };
}

function service(script: string, more: object = {}): SystemSpec {
  return { config: { systemd: { services: { strange: { wantedBy: ["multi-user.target"], script, ...more } } } } };
}

const confirmed = (checks: Checks, more: Partial<Case> = {}): Case => ({
  checks,
  kind: "confirmed",
  timeout: 60,
  ...more,
});
const unhealthy = (checks: Checks, says: RegExp, more: Partial<Case> = {}): Case => ({
  checks,
  kind: "rolled-back",
  why: "unhealthy",
  says,
  ...more,
});
/** It would wait this long, were it not given up. */
const FOR_EVER = 3600;
const both = ["bookworm", "trixie"] as const;

const cases = (name: (title: string) => string): Readonly<Record<string, Case>> => ({
  "is well in every way": confirmed(
    {
      unit: { unit: { name: "web.service", for: 1 } },
      command: { command: "systemctl is-active web.service && test -e /etc/answer" },
      here: { http: { url: `http://${name("is well in every way")}:8080/health?a=1&b`, contains: "all is well" } },
      there: { http: { url: "http://localhost:8080/", from: "host", status: 200, contains: "all is well" } },
      elsewhere: { http: { url: "http://www.example.org:8080/", address: name("is well in every way") } },
      local: { http: { url: "http://www.example.org:8080/", from: "host", address: "127.0.0.1" } },
      "tcp.here": { tcp: 8080 },
      "tcp.there": { tcp: { port: 8080, from: "host" } },
    },
    { spec: web("and so\nall is well\n"), releases: both },
  ),
  "needs fifteen seconds to become well": confirmed(
    { slow: { http: { url: "http://localhost:8080/", from: "host" } } },
    { spec: web("", { delay: 15 }), timeout: 60 },
  ),
  "has its command in the release, which counts": confirmed(
    { "in-release": { command: "exit 1" } },
    {
      spec: {
        config: { environment: { etc: { "bungee/health-checks/in-release": { text: "test -e /etc/os-release" } } } },
      },
      releases: both,
    },
  ),
  "is asked with hostile words": confirmed(
    {
      command: { command: `printf %s '${HOSTILE.replaceAll("'", "'\\''")}' >/run/said\ntest -s /run/said` },
      url: { http: { url: `http://localhost:8080/${HOSTILE}`, from: "host", contains: HOSTILE } },
    },
    { spec: web(HOSTILE), releases: both },
  ),
  "has a unit that is not there": unhealthy(
    { web: { unit: "nginx.service" } },
    /health check web fails: there is no unit nginx\.service on the host \(tried \d+ times\)/,
  ),
  "has a unit that dies later": unhealthy(
    { web: { unit: { name: "short-lived.service", for: 8 } } },
    /short-lived\.service is failed/,
    {
      spec: { behaviour: "unit-dies-later", arguments: { seconds: 5 } },
      releases: both,
    },
  ),
  "has a unit that is started again and again": unhealthy(
    { loop: { unit: "strange.service" } },
    /strange\.service (is activating|was restarted)/,
    {
      spec: service("sleep 0.7; exit 1", {
        unitConfig: { StartLimitIntervalSec: 0 },
        serviceConfig: { Restart: "always", RestartSec: "100ms" },
      }),
      releases: both,
    },
  ),
  "has a command that fails": unhealthy(
    { custom: { command: "echo first; echo disk is full >&2; exit 3" } },
    /health check custom fails: exit code 3 .*\ncustom: first\ncustom: disk is full/,
    { releases: both },
  ),
  "answers 503": unhealthy(
    { web: { http: `http://${name("answers 503")}:8080/` } },
    /health check web fails: http:\/\/\S+:8080\/ answers 503/,
    { spec: web("", { status: "503 Busy" }) },
  ),
  "answers 503 to itself": unhealthy(
    { web: { http: { url: "http://localhost:8080/", from: "host" } } },
    /health check web fails: http:\/\/localhost:8080\/ answers 503/,
    { spec: web("", { status: "503 Busy" }), releases: both },
  ),
  redirects: unhealthy({ web: { http: { url: "http://localhost:8080/", from: "host" } } }, /answers 302/, {
    spec: web("", { status: "302 Found\r\nLocation: http://localhost:8080/" }),
  }),
  "answers with the wrong text": unhealthy(
    { web: { http: { url: "http://localhost:8080/", from: "host", contains: "fine" } } },
    /answers 200, without the text "fine"/,
    { spec: web("maintenance\n") },
  ),
  "has a port that is closed": unhealthy(
    { db: { tcp: 5432 } },
    /health check db fails: \S+ port 5432: connection refused/,
  ),
  "has a port that is closed to itself": unhealthy(
    { db: { tcp: { port: 5432, from: "host" } } },
    /health check db fails: cannot connect to localhost port 5432: Connection refused/,
    { releases: both },
  ),
  "is given up after two tries": unhealthy(
    { db: { tcp: 5432, retries: 1 }, fine: { tcp: 22 } },
    /^health check db fails: [^;]*\(tried 2 times\)$/,
    { timeout: FOR_EVER },
  ),
  "hangs in its check": unhealthy(
    { hangs: { command: "setsid sleep 98765 & trap '' TERM; sleep 98764; sleep 98763", timeout: 1, retries: 0 } },
    /health check hangs fails: it took longer than 1 s \(tried once\)/,
    { timeout: FOR_EVER, releases: both },
  ),
  "was well for a moment only": unhealthy(
    {
      moment: { command: "test ! -e /run/over; code=$?; touch /run/over; exit $code", retries: 3, period: 0.2 },
      late: { command: "sleep 1; test -e /run/never" },
    },
    /health check moment fails: exit code 1/,
    { timeout: FOR_EVER },
  ),
  "leaves a unit failed": { kind: "rolled-back", why: "failed-units", spec: { behaviour: "leaves-unit-failed" } },
  "may leave a unit failed": {
    kind: "confirmed",
    timeout: 60,
    allowFailedUnits: true,
    spec: { behaviour: "leaves-unit-failed" },
    releases: both,
  },
  "may leave a unit failed, and is not well": unhealthy({ db: { tcp: 5432, retries: 0 } }, /health check db/, {
    allowFailedUnits: true,
    spec: { behaviour: "leaves-unit-failed" },
    timeout: FOR_EVER,
  }),
});

for (const release of both) {
  describe(`health on ${release}`, { skip }, () => {
    const wanted = (titles: Readonly<Record<string, Case>>) =>
      Object.keys(titles).filter((title) => (titles[title]!.releases ?? ["bookworm"]).includes(release));
    const names = new Map(wanted(cases(() => "x")).map((title, index) => [title, `host${index + 1}`]));
    const nameOf = (title: string) => names.get(title) ?? "nobody";
    const mine = cases(nameOf);
    const earlier = new Map<string, State>();
    let scene: Scene;
    let deployment: Deployment;

    before(async () => {
      scene = await Scene.open({ hosts: [...names.values()], hostRelease: release });
      for (const host of scene.hosts.values()) earlier.set(host.name, await host.triple());
      await scene.write(Object.fromEntries([...names].map(([title, name]) => [name, specOf(mine[title]!)])));
      // All are asked at once, on the machine that they all run on.
      appendFileSync(scene.deployer.path("/root/.ssh/config"), "  ConnectTimeout 60\n");
      deployment = await scene.deploy("--all", "--parallel", "8");
    });
    after(() => scene?.[Symbol.asyncDispose]());

    const specOf = ({ spec, checks, timeout = 12, allowFailedUnits }: Case): SystemSpec => ({
      ...spec,
      version: "2",
      bungee: {
        activation: { timeout: 60, ...(allowFailedUnits ? { allowFailedUnits } : {}) },
        confirmation: { timeout },
        ...(checks ? { healthChecks: checks } : {}),
      },
    });

    /** What bungee itself said of a node's checks, as "well" or "not". */
    const changes = (title: string) =>
      deployment.events.flatMap((event) => {
        if (event.type !== "log" || event.node !== nameOf(title) || event.source !== "bungee") return [];
        return [/is (no longer|not) well/.test(event.line) ? "not" : "well"];
      });

    for (const [title, name] of names) {
      const { kind, why, says, checks } = mine[title]!;
      test(`a host that ${title}: ${kind}`, async () => {
        const host = scene.host(name);
        const outcome = deployment.outcomes[name];
        assert.equal(outcome?.kind, kind, `${JSON.stringify(outcome)}\n${deployment.stderr}`);
        const now = await host.triple();
        const was = earlier.get(name)!;
        if (outcome.kind === "rolled-back") {
          assert.equal(outcome.why.code, why, JSON.stringify(outcome));
          assert.match([outcome.why.message, outcome.why.detail].filter(Boolean).join("\n"), says ?? /./);
          assert.ok(outcome.verified, JSON.stringify(outcome));
          assert.deepEqual(now, { ...was, booted: now.booted });
          const history = await host.output("tail -n 1 /var/lib/bungee/history");
          // What is not given up lasts as long as the host waits: on a busy machine the host may be the quicker one.
          const isGivenUp = JSON.stringify(checks ?? {}).includes('"retries"');
          const told = isGivenUp || why !== "unhealthy" ? [why] : [why, "unconfirmed"];
          assert.ok(told.includes(JSON.parse(history).why), `the host, too, knows why: ${history}`);
        } else if (outcome.kind === "confirmed") {
          assert.deepEqual([now.running, now.bootDefault], [outcome.release, outcome.release]);
        }
        await nothingLeft(title);
      });
    }

    async function nothingLeft(title: string): Promise<void> {
      const host = scene.host(nameOf(title));
      const left = "systemctl list-units --all --plain --no-legend 'bungee-*'; pgrep -a -f '^sleep 9876|^curl '";
      assert.equal(
        await host.output(`for i in $(seq 1 100); do [ -n "$(${left})" ] || exit 0; sleep 0.1; done; ${left}`),
        "",
      );
    }

    test("each change of a check is one line", () => {
      if (release === "bookworm") assert.deepEqual(changes("needs fifteen seconds to become well"), ["not", "well"]);
      assert.deepEqual([...new Set(changes("is well in every way"))], ["well"]);
      assert.equal(changes("is well in every way").length, 8);
    });

    test("hostile words arrive as they are, and nothing in them was executed", async () => {
      const host = scene.host(nameOf("is asked with hostile words"));
      assert.equal(await host.output("cat /run/said"), HOSTILE);
      assert.equal(await host.output("ls /run | grep pwned || :"), "");
    });

    test("units that may fail are told", () => {
      const warnings = deployment.events.filter((event) => event.type === "notice" && event.level === "warning");
      assert.deepEqual(
        warnings.map((event) => event.type === "notice" && event.message),
        [`${nameOf("may leave a unit failed")}: units fail that did not fail before: broken.service`],
      );
    });
  });
}
