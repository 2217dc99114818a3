/** What is offered in the key exchange: what both ssh2 and the user's ssh_config allow, fastest first. */

import { createSecretKey } from "node:crypto";
import type { Writable } from "node:stream";
import type {
  Algorithms,
  CipherAlgorithm,
  Client,
  CompressionAlgorithm,
  KexAlgorithm,
  MacAlgorithm,
  ServerHostKeyAlgorithm,
} from "ssh2";
import { ConfigurationError } from "../errors.ts";
import type { Destination } from "./destination.ts";
import { type HostKeyRing, knownTypesFirst } from "./host-key.ts";

// ssh itself prefers chacha20-poly1305. The processor does AES-GCM: less than half the work for us where ssh2's native addon is
// missing, as it is with any Node but the one that npm ran on.
const CIPHERS: CipherAlgorithm[] = [
  "aes128-gcm@openssh.com",
  "aes256-gcm@openssh.com",
  "chacha20-poly1305@openssh.com",
  "aes128-ctr",
  "aes192-ctr",
  "aes256-ctr",
];

// The elliptic curves make the quickest logins.
const KEX: KexAlgorithm[] = [
  "curve25519-sha256",
  "curve25519-sha256@libssh.org",
  "ecdh-sha2-nistp256",
  "ecdh-sha2-nistp384",
  "ecdh-sha2-nistp521",
  "diffie-hellman-group-exchange-sha256",
  "diffie-hellman-group14-sha256",
  "diffie-hellman-group16-sha512",
  "diffie-hellman-group18-sha512",
];

const HOST_KEYS: ServerHostKeyAlgorithm[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
  "ssh-rsa",
];

const HMACS: MacAlgorithm[] = [
  "hmac-sha2-256-etm@openssh.com",
  "hmac-sha2-512-etm@openssh.com",
  "hmac-sha1-etm@openssh.com",
  "hmac-sha2-256",
  "hmac-sha2-512",
  "hmac-sha1",
];

const COMPRESSION: CompressionAlgorithm[] = ["zlib@openssh.com", "none"];

/** @throws ConfigurationError when ssh_config allows nothing that ssh2 can do */
export function algorithmsFor(destination: Destination, ring: HostKeyRing): Algorithms {
  const { algorithms, compression } = destination;
  const hostKeys = allowed("HostKeyAlgorithms", HOST_KEYS, algorithms.serverHostKey);
  return {
    cipher: allowed("Ciphers", CIPHERS, algorithms.cipher),
    kex: allowed("KexAlgorithms", KEX, algorithms.kex),
    hmac: allowed("MACs", HMACS, algorithms.hmac),
    serverHostKey: knownTypesFirst(ring, hostKeys),
    compress: compression ? COMPRESSION : ["none"],
  };
}

function allowed<T extends string>(option: string, ours: readonly T[], theirs: readonly string[] | undefined): T[] {
  const both = theirs === undefined ? [...ours] : ours.filter((name) => theirs.includes(name));
  if (both.length > 0) return both;
  throw new ConfigurationError(`${option} of ssh_config allows nothing that bungee can do: ${theirs?.join(",")}`, {
    mend: `allow one of ${ours.join(",")}`,
  });
}

/**
 * Makes ssh2's AES-GCM quicker, by 0.6 of 2.6 s of processor time for 500 MB: the key is not made out of the same bytes for every packet,
 * and a packet's length, data and tag go to the socket in one write instead of three. It reaches into ssh2, which takes a KeyObject as
 * well as it takes bytes; a cipher that looks otherwise is left as it is. To be called after every key exchange, since each makes a new
 * cipher.
 * @param stream what the client writes to
 */
export function prepareCipher(client: Client, stream: Writable): boolean {
  const cipher = (client as { _protocol?: { _cipher?: Ssh2Cipher } })._protocol?._cipher;
  if (!Buffer.isBuffer(cipher?._encKey) || cipher.encrypt === undefined) return false;
  cipher._encKey = createSecretKey(cipher._encKey);
  const encrypt = cipher.encrypt.bind(cipher);
  cipher.encrypt = (packet) => {
    stream.cork();
    try {
      encrypt(packet);
    } finally {
      stream.uncork();
    }
  };
  return true;
}

interface Ssh2Cipher {
  _encKey?: unknown;
  encrypt?: (packet: Buffer) => void;
}
