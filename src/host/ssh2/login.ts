/** From nothing to a logged-in ssh2 client: the way there, the key exchange, the host's key, our keys. */
import type { Duplex } from "node:stream";
import { type AnyAuthMethod, Client, type ClientErrorExtensions } from "ssh2";
import { type BungeeError, LoginError } from "../../errors.ts";
import { type Destination, resolveDestination } from "../destination.ts";
import { type Acceptance, checkHostKey, type HostKeyRing, readHostKeyRing } from "../host-key.ts";
import type { Secrets } from "../secrets.ts";
import { algorithmsFor } from "./algorithms.ts";
import { prepareCipher } from "./cipher.ts";
import { findIdentities, type Identities, LockedKey, LockedKeyAgent, unusableAgentKeys } from "./identity.ts";
import { NoCommonAlgorithm } from "./negotiation.ts";
import { unreachable, unready, type Way, wayByCommand, wayByTcp, wayThroughJump } from "./way.ts";

export interface Login {
  readonly client: Client;
  /** What the client speaks over. */
  readonly stream: Duplex;
  readonly destination: Destination;
  /** Ends the client, and everything on the way to it. */
  end(): void;
}

export interface LoginOptions {
  readonly signal: AbortSignal;
  readonly configFile?: string | undefined;
  readonly onNotice?: ((message: string) => void) | undefined;
  readonly secrets?: Secrets | undefined;
}

/** A jump host whose own ssh_config leads through itself would go on for ever. */
const MAX_JUMPS = 8;
const GOODBYE_MS = 500;

/** @throws UnreachableError | HostKeyError | LoginError | ConfigurationError | LockedKey | the signal's reason */
export async function logIn(destination: Destination, options: LoginOptions, jumps = 0): Promise<Login> {
  const [ring, identities, way] = await Promise.all([
    readHostKeyRing(destination),
    findIdentities(destination, options.secrets),
    openWay(destination, options, jumps),
  ]);
  try {
    return await new Attempt(destination, ring, identities, way, options).run();
  } catch (error) {
    way.close();
    throw error;
  }
}

async function openWay(destination: Destination, options: LoginOptions, jumps: number): Promise<Way> {
  const { jump, proxyCommand } = destination;
  if (jump === undefined) {
    return proxyCommand === undefined ? wayByTcp(destination, options.signal) : wayByCommand(proxyCommand);
  }
  if (jumps >= MAX_JUMPS) throw unreachable(`the way to ${destination.hostname} leads through too many jump hosts`);
  const hop = await resolveDestination({ ...jump.host, jump: jump.before }, options);
  const login = await logIn(hop, options, jumps + 1).catch((error: BungeeError) => {
    if (error.code) error.message = `at the jump host ${hop.address}: ${error.message}`;
    throw error;
  });
  return wayThroughJump(login.client, login.end, destination, options.signal);
}

type ClientError = Error & ClientErrorExtensions;

/** One login on one way; it succeeds or fails once. */
class Attempt {
  readonly #destination: Destination;
  readonly #ring: HostKeyRing;
  readonly #identities: Identities;
  readonly #way: Way;
  readonly #options: LoginOptions;
  readonly #client = new Client();
  readonly #offered: string[] = [];
  readonly #troubles: string[] = [];
  #phase: "greeting" | "login" = "greeting";
  #methods: readonly string[] = [];
  #exhausted = false;
  #hostKey: Buffer | undefined;
  #acceptance: Acceptance | undefined;
  #hostKeyRefusal: unknown;
  #locked: LockedKey | undefined;

  constructor(destination: Destination, ring: HostKeyRing, identities: Identities, way: Way, options: LoginOptions) {
    this.#destination = destination;
    this.#ring = ring;
    this.#identities = identities;
    this.#way = way;
    this.#options = options;
  }

  async run(): Promise<Login> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    const client = this.#client;
    // ssh2 may tell of an error after the promise is settled; without a listener that would end the process.
    client.on("error", () => {});
    client.on("handshake", () => {
      this.#phase = "login";
      prepareCipher(client, this.#way.stream);
    });
    await new Promise<void>((resolve, reject) => {
      const abort = () => reject(this.#timedOut(signal.reason));
      signal.addEventListener("abort", abort, { once: true });
      client.once("ready", resolve);
      client.once("close", () => reject(this.#failure(undefined)));
      client.on("error", (error: ClientError) => {
        // An agent that cannot sign, or a key that cannot: the next one is tried.
        if (error.level === "agent" || (error.level === "client-authentication" && !this.#exhausted)) {
          this.#troubles.push(error.message);
        } else {
          reject(this.#failure(error));
        }
      });
      client.once("ready", () => signal.removeEventListener("abort", abort));
      try {
        this.#start();
      } catch (error) {
        reject(error);
      }
    }).catch(async (error: unknown) => {
      client.destroy();
      throw error instanceof LoginError ? await this.#withAgentKeys(error) : error;
    });
    await this.#remember();
    const { stream, close } = this.#way;
    const end = () => {
      // Time to say goodbye; a host that is gone does not answer it.
      const timer = setTimeout(close, GOODBYE_MS).unref();
      client.once("close", () => {
        clearTimeout(timer);
        close();
      });
      client.end();
    };
    return { client, stream, destination: this.#destination, end };
  }

  #start(): void {
    const { user, keepalive } = this.#destination;
    this.#client.connect({
      sock: this.#way.stream,
      username: user,
      algorithms: algorithmsFor(this.#destination, this.#ring),
      hostVerifier: (key: Buffer, verify: (ok: boolean) => void) => this.#verifyHost(key, verify),
      authHandler: (methods, _partial, next) => next(this.#nextAuth(methods) as AnyAuthMethod),
      readyTimeout: 0,
      // ssh2 asks, and the connection listens for any sign of life itself: see ssh2.ts.
      keepaliveInterval: keepalive.intervalMs,
      keepaliveCountMax: Number.MAX_SAFE_INTEGER,
    });
  }

  /** Called again when the keys are renewed in the middle of a connection: the host must still be the same. */
  #verifyHost(key: Buffer, verify: (ok: boolean) => void): void {
    if (this.#hostKey) {
      verify(this.#hostKey.equals(key));
      return;
    }
    const copy = Buffer.from(key);
    checkHostKey(this.#ring, copy, this.#way.ip).then(
      (acceptance) => {
        this.#hostKey = copy;
        this.#acceptance = acceptance;
        verify(true);
      },
      (refusal: unknown) => {
        this.#hostKeyRefusal = refusal;
        verify(false);
      },
    );
  }

  /** `none` first, as ssh does: some hosts (those of an overlay network) ask for nothing more. */
  #nextAuth(methods: readonly string[] | null): AnyAuthMethod | false {
    const { user: username } = this.#destination;
    if (methods === null) return { type: "none", username };
    this.#methods = methods;
    const offer = this.#identities.offers[this.#offered.length];
    if (offer === undefined || !methods.includes("publickey")) {
      this.#exhausted = true;
      return false;
    }
    this.#offered.push(offer.label);
    const { how } = offer;
    if ("key" in how) return { type: "publickey", username, key: how.key };
    if ("agent" in how) return { type: "agent", username, agent: how.agent };
    const wanted = () => {
      this.#locked = new LockedKey(how.locked);
      this.#client.destroy();
    };
    if (how.publicKey) return { type: "agent", username, agent: new LockedKeyAgent(how.publicKey, wanted) };
    wanted();
    return false;
  }

  #failure(error: ClientError | undefined): unknown {
    if (this.#hostKeyRefusal !== undefined) return this.#hostKeyRefusal;
    if (this.#locked !== undefined) return this.#locked;
    const { hostname, port } = this.#destination;
    const missing = /^Handshake failed: no matching (.+?)(?: algorithm|$)/.exec(error?.message ?? "")?.[1];
    if (missing !== undefined) return new NoCommonAlgorithm(hostname, missing, undefined);
    // After the key exchange the host answers: whatever it ends the connection for, it does not let us in.
    if (this.#exhausted || (this.#phase === "login" && error?.level !== "client-socket")) return this.#refused(error);
    const complaint = this.#way.complaint();
    const why = error?.message ?? "the host closed the connection before the login";
    return unreachable(`${hostname} port ${port}: ${why}${complaint && ` (${complaint})`}`, error);
  }

  #timedOut(reason: unknown): unknown {
    if (!(reason instanceof Error && reason.name === "TimeoutError")) return reason;
    const { hostname, port, proxyCommand } = this.#destination;
    const complaint = this.#way.complaint();
    const message = (what: string) => `${hostname} port ${port}: ${what}${complaint && ` (${complaint})`}`;
    if (this.#phase === "login") return unready(message("the login did not end in time"));
    // A ProxyCommand does not say whether the host took the connection.
    if (proxyCommand !== undefined) return unreachable(message("no answer"));
    return unready(message("it takes the connection, but sshd says nothing"));
  }

  #refused(error: ClientError | undefined): LoginError {
    const { hostname, user, identitiesOnly } = this.#destination;
    const offers = this.#identities.offers.length;
    const cut = !this.#exhausted;
    const tried = this.#offered.length;
    const detail = [
      ...this.#offered.map((label) => `refused: ${label}`),
      ...this.#identities.skipped.map((line) => `not offered: ${line}`),
      ...this.#troubles,
      ...(this.#exhausted
        ? [`the host accepts: ${this.#methods.join(", ")}`]
        : [`the host ended it: ${error?.message ?? "without a word"}`]),
    ];
    const none = tried === 0 && !cut;
    return new LoginError(
      none
        ? `${hostname} does not let ${user} in: there is no key to offer`
        : `${hostname} does not let ${user} in with ${tried === 1 ? "the key" : `any of ${tried} keys`} offered`,
      {
        detail: detail.join("\n"),
        mend:
          cut && offers > 1 && !identitiesOnly
            ? "name the right key (identityFile), and set IdentitiesOnly yes in ~/.ssh/config: the host stops listening after a few wrong ones"
            : `put your public key into the authorized keys of ${user} on the host, or name the right one (identityFile); a key with a passphrase goes into the agent by ssh-add, or is asked about at a terminal`,
      },
    );
  }

  async #withAgentKeys(error: LoginError): Promise<LoginError> {
    const unusable = await unusableAgentKeys(this.#destination).catch(() => []);
    if (unusable.length === 0) return error;
    const detail = [error.detail, ...unusable.map((line) => `not offered: ${line}`)].join("\n");
    return new LoginError(error.message, { detail, mend: error.mend });
  }

  async #remember(): Promise<void> {
    if (this.#acceptance?.kind !== "new") return;
    this.#options.onNotice?.(this.#acceptance.notice);
    await this.#acceptance.remember().catch((error: Error) => {
      this.#options.onNotice?.(`the host key could not be written to known_hosts: ${error.message}`);
    });
  }
}
