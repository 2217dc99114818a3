/** What ssh says of its settings, and the paths in them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigurationError } from "../../../src/errors.ts";
import { expandPath, parseSshConfig } from "../../../src/host/ssh-config.ts";

describe("what ssh -G printed", () => {
  // The two ways in which versions print the same settings.
  const printed: [what: string, text: string, strict: string, files: string[]][] = [
    [
      "with the home directory as ~",
      "user me\nhostname web\nport 22\nstricthostkeychecking ask\nuserknownhostsfile ~/.ssh/known_hosts ~/.ssh/known_hosts2\nglobalknownhostsfile /etc/ssh/ssh_known_hosts\nidentityfile ~/.ssh/id_rsa\nconnecttimeout none\n",
      "yes",
      ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"],
    ],
    [
      "with paths in full, and yes and no as true and false",
      "host web\nuser me\nhostname web\nport 22\naddressfamily any\nstricthostkeychecking false\nuserknownhostsfile /home/me/.ssh/known_hosts /home/me/.ssh/known_hosts2\nproxyjump none\nidentityagent SSH_AUTH_SOCK\nserveraliveinterval 0\nserveralivecountmax 3\nkexalgorithms mlkem768x25519-sha256,curve25519-sha256\n",
      "no",
      ["/home/me/.ssh/known_hosts", "/home/me/.ssh/known_hosts2"],
    ],
  ];
  for (const [what, text, strict, files] of printed) {
    it(`${what} is read`, () => {
      const config = parseSshConfig(text);
      assert.deepEqual([config.hostname, config.port, config.user], ["web", 22, "me"]);
      assert.deepEqual([config.stricthostkeychecking, config.userknownhostsfile], [strict, files]);
      assert.deepEqual([config.proxyjump, config.connecttimeout], [undefined, undefined]);
    });
  }

  it("is refused when it is something else", () => {
    assert.throws(() => parseSshConfig("usage: ssh\n"), ConfigurationError);
    assert.throws(() => parseSshConfig("__proto__ x\nconstructor y\n"), ConfigurationError);
  });
});

describe("paths of ssh_config", () => {
  const tokens = {
    original: "web",
    hostname: "10.0.0.1",
    port: 22,
    user: "deploy",
    home: "/home/me",
    localUser: "me",
    localHost: "desk.lan",
    hostKeyAlias: undefined,
  };
  for (const [path, expanded] of [
    ["~/.ssh/id", "/home/me/.ssh/id"],
    ["%d/%h-%p-%r-%n-%u-%l-%L-%k", "/home/me/10.0.0.1-22-deploy-web-me-desk.lan-desk-web"],
    ["100%%", "100%"],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as ssh_config has it
    ["${HOME}/x", "/root/x"],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as ssh_config has it
    ["${NOT_SET}/x", undefined],
    ["/a~b", "/a~b"],
  ] as const) {
    it(path, () => assert.equal(expandPath(path, tokens, { HOME: "/root" }), expanded));
  }
});
