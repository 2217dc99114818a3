import assert from "node:assert/strict";
import { createHash, KeyObject, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { resolveDestination } from "../../../../src/host/destination.ts";
import { SharedConnection } from "../../../../src/host/shared.ts";
import { type Login, logIn } from "../../../../src/host/ssh2/login.ts";
import { Ssh2Wire } from "../../../../src/host/ssh2/ssh2.ts";
import { noSshd, TestSshd } from "../sshd.ts";

describe("ssh2's cipher", { skip: noSshd }, () => {
  let sshd: TestSshd;
  before(async () => {
    sshd = await TestSshd.start("RekeyLimit 16M");
    writeFileSync(sshd.path("known_hosts"), sshd.knownHost());
  });
  after(() => sshd[Symbol.dispose]());

  async function login(...settings: string[]): Promise<Login> {
    writeFileSync(sshd.path("config"), sshd.hostConfig("web", ...settings));
    const destination = await resolveDestination({ address: "web" }, { configFile: sshd.path("config") });
    return await logIn(destination, { signal: AbortSignal.timeout(5000) });
  }

  const keyOf = ({ client }: Login) =>
    (client as unknown as { _protocol: { _cipher: { _encKey?: unknown } } })._protocol._cipher._encKey;

  it("is prepared, also after the keys were renewed", async () => {
    const { client, end, ...rest } = await login();
    let exchanges = 0;
    client.on("handshake", () => (exchanges += 1));
    const key = () => keyOf({ client, end, ...rest });
    assert.ok(key() instanceof KeyObject, "has ssh2 changed? see src/host/ssh2/cipher.ts");
    await new Promise<void>((resolve, reject) =>
      client.exec("head -c 40000000 /dev/zero", (error, channel) => {
        if (error) reject(error);
        channel.resume().on("close", resolve);
      }),
    );
    assert.ok(exchanges > 0);
    assert.ok(key() instanceof KeyObject);
    end();
  });

  for (const cipher of ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"]) {
    it(`of ${cipher} carries every byte, to a reader who is slow to begin, while keys are renewed`, async () => {
      const connection = new SharedConnection("web", new Ssh2Wire(await login(`Ciphers ${cipher}`)));
      const data = randomBytes(40_000_000);
      const { stdout } = await connection.run({ argv: ["sh", "-c", "sleep 0.3; sha256sum"], stdin: data });
      assert.equal(stdout.slice(0, 64), createHash("sha256").update(data).digest("hex"));
      await connection.close();
    });
  }
});
