import assert from "node:assert/strict";
import { test } from "node:test";
import { FAMILIES } from "../../../src/activator/metrics.ts";
import { CONTENT_TYPE, renderMetrics } from "../../../src/report/metrics.ts";
import { readExposition } from "./exposition.ts";

const at = new Date("2026-03-01T12:00:00.600Z");
const sample = (host: string, value: number) => ({ name: "nixos_current_generation", labels: { host }, value });

test("hosts that answered, that did not, and that were never heard of", async () => {
  const text = await renderMetrics({
    families: FAMILIES,
    readings: [
      { node: "web1", host: "www", samples: [sample("www", 3)], at, seconds: 0.12345 },
      // Two nodes may call themselves the same.
      { node: "web2", host: "www", samples: [sample("www", 4)], at, seconds: 1 },
      { node: "web3", host: "web3", samples: null, at, seconds: 30 },
    ],
    silent: [{ node: "db", host: "db1" }],
    seconds: 2.5,
  });
  const series = Object.fromEntries(readExposition(text));
  assert.deepEqual(series, {
    'bungee_host_up{host="www",node="web1"}': 1,
    'bungee_host_up{host="www",node="web2"}': 1,
    'bungee_host_up{host="web3",node="web3"}': 0,
    'bungee_host_up{host="db1",node="db"}': 0,
    'bungee_host_asked_timestamp_seconds{host="www",node="web1"}': 1772366401,
    'bungee_host_asked_timestamp_seconds{host="www",node="web2"}': 1772366401,
    'bungee_host_asked_timestamp_seconds{host="web3",node="web3"}': 1772366401,
    'bungee_host_ask_duration_seconds{host="www",node="web1"}': 0.123,
    'bungee_host_ask_duration_seconds{host="www",node="web2"}': 1,
    'bungee_host_ask_duration_seconds{host="web3",node="web3"}': 30,
    bungee_scrape_duration_seconds: 2.5,
    'nixos_current_generation{host="www",node="web1"}': 3,
    'nixos_current_generation{host="www",node="web2"}': 4,
  });
  const help = FAMILIES.find(({ name }) => name === "nixos_current_generation")!.help;
  assert.ok(text.includes(`# HELP nixos_current_generation ${help}\n# TYPE nixos_current_generation gauge\n`));
});

test("values of labels that a host chose", async () => {
  const samples = [
    { name: "nixos_system_info", labels: { host: 'a"b\\c\nd', version: "24.05", kernel: "6", system: "" }, value: 1 },
  ];
  const reading = { node: 'we"b', host: 'a"b\\c\nd', samples, at, seconds: 0 };
  const text = await renderMetrics({ families: FAMILIES, readings: [reading], silent: [], seconds: 0 });
  const key = [...readExposition(text).keys()].find((series) => series.startsWith("nixos_system_info"));
  assert.equal(key, 'nixos_system_info{host="a\\"b\\\\c\\nd",kernel="6",node="we\\"b",system="",version="24.05"}');
});

test("no host at all", async () => {
  const text = await renderMetrics({ families: FAMILIES, readings: [], silent: [], seconds: 0 });
  assert.ok(text.includes("bungee_scrape_duration_seconds 0\n"));
  assert.ok(!text.includes("nixos_"));
  assert.match(CONTENT_TYPE, /^text\/plain; version=0\.0\.4/);
});
