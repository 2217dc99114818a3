/** What is offered in the key exchange: what both ssh2 and the user's ssh_config allow, fastest first. */

import type {
  Algorithms,
  CipherAlgorithm,
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
