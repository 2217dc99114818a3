/** What may be said of a health check, in short and at length, and which mistakes are told. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigurationError } from "../../../src/errors.ts";
import type { HealthCheck } from "../../../src/fleet/health-checks.ts";
import { readSettings } from "../../../src/fleet/settings.ts";
import { LEAD_AWAY, LEAD_HERE, LEAD_HERE_ODDLY } from "./urls.ts";

function read(healthChecks: unknown, more: object = {}, output: object = {}): Readonly<Record<string, HealthCheck>> {
  const nodes = new Map([["web1", { hostName: "web1", bungee: { healthChecks, ...more } }]]);
  return readSettings({ names: ["web1"], output, nodes }).get("web1")!.healthChecks;
}

function mistake(healthChecks: unknown, more: object = {}): string {
  try {
    read(healthChecks, more);
  } catch (error) {
    assert.ok(error instanceof ConfigurationError, String(error));
    return error.message;
  }
  return "";
}

const usual = { period: 1, timeout: 5, retries: null };
const http = { kind: "http", from: "deployer", status: null, contains: null, address: null };

describe("health checks", () => {
  it("of each kind, in short and at length", () => {
    assert.deepEqual(
      read({
        unit: { unit: "nginx.service" },
        "template.unit": { unit: { name: "getty@tty1.service", for: 0 } },
        command: { command: "test -e /run/ready\ntrue", period: 0.5, timeout: 60, retries: 0 },
        http: { http: "https://web1.example.org" },
        http_long: {
          http: { url: 'http://localhost:80/a b?c="d"', from: "host", status: 204, contains: "it's", address: "[::1]" },
        },
        tcp: { tcp: 5432 },
        "tcp-long": { tcp: { port: 5432, from: "host", address: "db.internal" } },
      }),
      {
        unit: { probe: { kind: "unit", unit: "nginx.service", seconds: 3 }, ...usual },
        "template.unit": { probe: { kind: "unit", unit: "getty@tty1.service", seconds: 0 }, ...usual },
        command: {
          probe: { kind: "command", command: "test -e /run/ready\ntrue" },
          period: 0.5,
          timeout: 60,
          retries: 0,
        },
        http: { probe: { ...http, url: "https://web1.example.org/" }, ...usual },
        http_long: {
          probe: {
            ...http,
            url: "http://localhost/a%20b?c=%22d%22",
            from: "host",
            status: 204,
            contains: "it's",
            address: "::1",
          },
          ...usual,
        },
        tcp: { probe: { kind: "tcp", from: "deployer", port: 5432, address: null }, ...usual },
        "tcp-long": { probe: { kind: "tcp", from: "host", port: 5432, address: "db.internal" }, ...usual },
      },
    );
  });

  it("takes null for what is not set, as the NixOS module gives it", () => {
    const nothing = { unit: null, command: null, http: null, tcp: null, period: null, timeout: null, retries: null };
    const given = {
      ...nothing,
      http: { url: "http://web1/", status: null, contains: null, address: null, from: null },
    };
    assert.deepEqual(read({ web: given }), { web: { probe: { ...http, url: "http://web1/" }, ...usual } });
    assert.deepEqual(read(null), {});
  });

  it("a check of the same name is replaced as a whole by the stronger layer, others are kept", () => {
    const output = {
      defaults: { healthChecks: { web: { http: "http://all/", retries: 3 }, ssh: { tcp: 22 } } },
      nodes: { web1: { healthChecks: { db: { tcp: 5432 } } } },
    };
    const checks = read({ web: { unit: "web.service" } }, {}, output);
    assert.deepEqual(Object.keys(checks).sort(), ["db", "ssh", "web"]);
    assert.deepEqual(checks.web, { probe: { kind: "unit", unit: "web.service", seconds: 3 }, ...usual });
  });

  const at = "nixosConfigurations.web1.config.bungee.healthChecks";
  const one = "is not a health check: it needs one of unit, command, http, tcp, and only one";
  const url = "is not an http or https URL, without a user or password";
  const unit = `is not the name of a unit, as in "nginx.service"`;
  const here =
    'is not a URL that leads to the host: asked by the deployer, it leads to the deployer itself; set from = "host"';
  const cases: readonly [unknown, string][] = [
    [["web"], `${at}: ["web"] is not an attribute set of health checks`],
    [{ web: 80 }, `${at}.web: 80 is not an attribute set`],
    [{ web: {} }, `${at}.web: {} ${one}`],
    [{ web: { tcp: 80, command: "x" } }, `${at}.web: {"tcp":{"port":80},"command":"x"} ${one}`],
    [{ "a/b": { tcp: 80 } }, `${at}."a/b": is not a health check's name: letters, digits, and any of . _ -`],
    [{ "..": { tcp: 80 } }, `${at}."..": is not a health check's name: letters, digits, and any of . _ -`],
    [{ web: { htpp: "x" } }, `${at}.web.htpp: no such setting (it is "x"); did you mean http?`],
    [
      { web: { http: { ulr: "x", url: "http://a" } } },
      `${at}.web.http.ulr: no such setting (it is "x"); did you mean url?`,
    ],
    [{ web: { http: 80 } }, `${at}.web.http: 80 is not an attribute set`],
    [{ web: { http: { status: 200 } } }, `${at}.web.http.url: nothing ${url}`],
    [{ web: { http: "ftp://web1/" } }, `${at}.web.http.url: "ftp://web1/" ${url}`],
    [{ web: { http: "file:///etc/shadow" } }, `${at}.web.http.url: "file:///etc/shadow" ${url}`],
    [{ web: { http: "-oX" } }, `${at}.web.http.url: "-oX" ${url}`],
    [{ web: { http: "http://me:secret@web1/" } }, `${at}.web.http.url: "http://me:secret@web1/" ${url}`],
    [{ web: { http: "http://localhost:80/" } }, `${at}.web.http.url: "http://localhost:80/" ${here}`],
    [{ web: { http: { url: "http://a", status: 99 } } }, `${at}.web.http.status: 99 is not an HTTP status, 100 to 599`],
    [
      { web: { http: { url: "http://a", contains: "a\nb" } } },
      `${at}.web.http.contains: "a\\nb" is not a text of one line`,
    ],
    [{ web: { http: { url: "http://a", from: "me" } } }, `${at}.web.http.from: "me" is not one of "deployer", "host"`],
    [{ web: { tcp: 0 } }, `${at}.web.tcp.port: 0 is not a port, 1 to 65535`],
    [
      { web: { tcp: { port: 1, address: "a b" } } },
      `${at}.web.tcp.address: "a b" is not a host name or an IP address, without spaces, user or port`,
    ],
    [{ web: { unit: "nginx" } }, `${at}.web.unit.name: "nginx" ${unit}`],
    [{ web: { unit: "$(id).service" } }, `${at}.web.unit.name: "$(id).service" ${unit}`],
    [{ web: { unit: "a\nb.service" } }, `${at}.web.unit.name: "a\\nb.service" ${unit}`],
    [{ web: { unit: "--all.service" } }, `${at}.web.unit.name: "--all.service" ${unit}`],
    [
      { web: { unit: { name: "a.service", for: -1 } } },
      `${at}.web.unit.for: -1 is not a whole number of seconds, 0 to 3600`,
    ],
    [{ web: { command: " \n" } }, `${at}.web.command: " \\n" is not a shell command of at most 64 KiB`],
    [{ web: { command: "a\0b" } }, `${at}.web.command: "a\\u0000b" is not a shell command of at most 64 KiB`],
    [{ web: { tcp: 1, period: 0 } }, `${at}.web.period: 0 is not a number of seconds above 0`],
    [{ web: { tcp: 1, timeout: 0.5 } }, `${at}.web.timeout: 0.5 is not a whole number of seconds, 1 to 86400`],
    [{ web: { tcp: 1, retries: -1 } }, `${at}.web.retries: -1 is not a whole number, 0 to 1000`],
  ];
  for (const [checks, message] of cases) it(message, () => assert.equal(mistake(checks), message));

  it("a URL that leads to who asks is for the host to ask, or goes to an address; any other is not taken for one", () => {
    for (const url of [...LEAD_HERE, ...LEAD_HERE_ODDLY]) {
      assert.equal(mistake({ web: { http: url } }), `${at}.web.http.url: ${JSON.stringify(url)} ${here}`);
      assert.equal(mistake({ web: { http: { url, from: "host" } } }), "");
      assert.equal(mistake({ web: { http: { url, address: "10.0.0.1" } } }), "");
    }
    for (const url of LEAD_AWAY) assert.equal(mistake({ web: { http: url } }), "");
  });

  it("a unit cannot be watched for longer than the host waits", () => {
    assert.equal(
      mistake({ web: { unit: { name: "a.service", for: 30 } } }, { confirmation: { timeout: 30 } }),
      `${at}.web.unit.for: 30 is not less than confirmation.timeout, 30`,
    );
  });

  it("a command is cut in messages, and never too long for the host", () => {
    assert.equal(mistake({ web: { command: "x".repeat(65536) } }), "");
    assert.match(
      mistake({ web: { command: "x".repeat(65537) } }),
      /^.{0,200}is not a shell command of at most 64 KiB$/,
    );
  });
});
