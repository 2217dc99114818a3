/** What is offered in the key exchange: what both ssh2 and the user's ssh_config allow, fastest first. */

import type {
  Algorithms,
  CipherAlgorithm,
  CompressionAlgorithm,
  KexAlgorithm,
  MacAlgorithm,
  ServerHostKeyAlgorithm,
} from "ssh2";
import { ConfigurationError } from "../../errors.ts";
import type { Destination } from "../destination.ts";
import { type HostKeyRing, knownTypesFirst } from "../host-key.ts";

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

/** The same ciphers, in our order: ssh's own puts first what no processor does by itself. */
export function quickestFirst(ciphers: readonly string[]): string[] {
  const quick = CIPHERS.filter((name) => ciphers.includes(name));
  return [...quick, ...ciphers.filter((name) => !quick.some((each) => each === name))];
}

/** ssh_config's names of what is negotiated, with ours and theirs. */
function choices({ algorithms }: Destination) {
  return {
    Ciphers: { ours: CIPHERS, theirs: algorithms.cipher },
    KexAlgorithms: { ours: KEX, theirs: algorithms.kex },
    MACs: { ours: HMACS, theirs: algorithms.hmac },
    HostKeyAlgorithms: { ours: HOST_KEYS, theirs: algorithms.serverHostKey },
  } as const;
}

/** The option of ssh_config that allows nothing which ssh2 could do, if there is one. */
export function unusedOptions(
  destination: Destination,
): { readonly option: string; readonly names: readonly string[] } | undefined {
  for (const [option, { ours, theirs }] of Object.entries(choices(destination)))
    if (theirs && allowed<string>(ours, theirs).length === 0) return { option, names: theirs };
  return undefined;
}

/** @throws ConfigurationError when ssh_config allows nothing that ssh2 can do */
export function algorithmsFor(destination: Destination, ring: HostKeyRing): Algorithms {
  const unused = unusedOptions(destination);
  if (unused) {
    throw new ConfigurationError(
      `${unused.option} of ssh_config allows nothing that ssh2 can do: ${unused.names.join(",")}`,
      {
        mend: 'let ssh itself do it (ssh = "auto" or "openssh"), or allow more',
      },
    );
  }
  const { Ciphers, KexAlgorithms, MACs, HostKeyAlgorithms } = choices(destination);
  return {
    cipher: allowed(Ciphers.ours, Ciphers.theirs),
    kex: allowed(KexAlgorithms.ours, KexAlgorithms.theirs),
    hmac: allowed(MACs.ours, MACs.theirs),
    serverHostKey: knownTypesFirst(ring, allowed(HostKeyAlgorithms.ours, HostKeyAlgorithms.theirs)),
    compress: destination.compression ? COMPRESSION : ["none"],
  };
}

function allowed<T extends string>(ours: readonly T[], theirs: readonly string[] | undefined): T[] {
  return theirs === undefined ? [...ours] : ours.filter((name) => theirs.includes(name));
}
