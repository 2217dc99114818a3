import assert from "node:assert/strict";
import { test } from "node:test";
import { SSH_OPTIONS } from "../../../../src/fleet/schema.ts";
import { readSshOptions } from "../../../../src/fleet/sources/ssh-options.ts";

const CASES: readonly [words: readonly string[], settings: object, ignored?: readonly RegExp[]][] = [
  [[], {}],
  [["-p", "2121"], { port: 2121 }],
  [["-p2121"], { port: 2121 }],
  [["-p 2121"], { port: 2121 }],
  [["-o", "Port=2121"], { port: 2121 }],
  [["-oPort 2121"], { port: 2121 }],
  [["-o", "port = 2121"], { port: 2121 }],
  [["-p", "1", "-o", "Port=2"], { port: 1 }],
  [["-l", "admin", "-i", "~/.ssh/deploy"], { user: "admin", identityFile: "~/.ssh/deploy" }],
  [["-o", "HostName=10.0.0.5", "-o", "User=root"], { user: "root", address: "10.0.0.5" }],
  [["-J", "me@bastion:2222,inner"], { sshOptions: { ProxyJump: "me@bastion:2222,inner" } }],
  [["-o", 'ProxyJump="bastion"'], { sshOptions: { ProxyJump: "bastion" } }],
  [["-4Cv"], { sshOptions: { AddressFamily: "inet", Compression: "yes" } }],
  [["-6", "-oidentitiesonly=yes"], { sshOptions: { AddressFamily: "inet6", IdentitiesOnly: "yes" } }],
  [["-q", "-T", "-o", "LogLevel=ERROR", "-oControlMaster=auto", "-o", "BatchMode=yes"], {}],
  [["-i", "a", "-i", "b"], { identityFile: "a" }, [/^-i b \(one key/]],
  [
    ["-o", "StrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null"],
    {},
    [/^-o Strict.* always checked/, /^-o User/],
  ],
  [["-o", "ProxyCommand=sh -c 'touch /tmp/x'"], {}, [/no value of a flake may run a program/]],
  [["-o", "PermitLocalCommand=yes", "-o", "LocalCommand=id"], {}, [/may run a program/, /may run a program/]],
  [["-A"], {}, [/^-A \(bungee forwards neither/]],
  [["-F", "other"], {}, [/^-F other \(BUNGEE_SSH_CONFIG/]],
  [["-L", "1:b:2", "-D", "9", "-p", "3"], { port: 3 }, [/^-L 1:b:2/, /^-D 9/]],
  [["", " "], {}],
  [["-p", "0"], {}, [/^-p 0 \(its value cannot/]],
  [["-p", "22abc"], {}, [/^-p 22abc/]],
  [["-p"], {}, [/^-p \(its value/]],
  [["-J", "a;touch /tmp/x"], {}, [/its value/]],
  [["-J", "$(id)"], {}, [/its value/]],
  [["-i", "/nix/store/key"], {}, [/its value/]],
  [["host", "command"], {}, [/^host \(it is no option/, /^command/]],
  [["-o"], {}, [/^-o \(/]],
  [["-o", "NoSuchThing=1"], {}, [/^-o NoSuchThing=1 \(bungee has no such setting/]],
  [["-o", "constructor=1", "-o", "__proto__=x"], {}, [/^-o constructor/, /^-o __proto__/]],
];

for (const [words, settings, ignored = []] of CASES) {
  test(`ssh ${words.join(" ")}`, () => {
    const read = readSshOptions(words);
    assert.deepEqual(read.settings, settings);
    assert.equal(read.ignored.length, ignored.length, read.ignored.join(" | "));
    for (const [index, expected] of ignored.entries()) assert.match(read.ignored[index]!, expected);
  });
}

test("no option that runs a program here, or says which hosts are known, can be set", () => {
  for (const option of SSH_OPTIONS)
    assert.doesNotMatch(option, /Command|Strict|KnownHosts|Provider|Forward|Tunnel|Env|Control/);
});
