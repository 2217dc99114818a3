/** One try of a health check: asked of the host over the connection, or made from here over the network. */
import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP } from "node:net";
import type { CheckRequest } from "../activator/activator.ts";
import type { Found } from "../activator/protocol.ts";
import { BungeeError, RefusedError, UnhealthyError } from "../errors.ts";
import type { HealthCheck, HttpProbe, Probe, TcpProbe } from "../fleet/health-checks.ts";
import { resolveDestination } from "../host/destination.ts";
import { reasonOf, wayByTcp } from "../host/ssh2/way.ts";
import type { Line } from "./session.ts";

/** Of an answer's body, that much is searched. */
const LONGEST_BODY = 1024 * 1024;
// Node gives each address of a name a quarter of a second: too little for a far host.
const PATIENCE = { autoSelectFamilyAttemptTimeout: 2000 };

/** @throws the signal's reason; UnhealthyError for what can never be well; errors of the connection */
export type Ask = (name: string, check: HealthCheck, signal: AbortSignal) => Promise<Found>;

/** Asks on a line to the host; what the deployer itself has to try goes over connections of its own. */
export const askOn =
  (line: Line, run: string, token: string): Ask =>
  async (name, check, signal) => {
    const { probe, timeout } = check;
    if ("from" in probe && probe.from === "deployer") {
      return within(timeout, signal, (limited) => fromHere(probe, line.connection.address, limited));
    }
    try {
      return await line.activator.check(
        run,
        token,
        { kind: probe.kind, name, timeout, input: inputOf(probe) },
        { signal },
      );
    } catch (error) {
      if (!(error instanceof RefusedError) || !["restricted", "usage"].includes(error.reason)) throw error;
      throw new UnhealthyError(`health check ${name} cannot be made: ${error.message}`, { mend: error.mend });
    }
  };

function inputOf(probe: Probe): CheckRequest["input"] {
  switch (probe.kind) {
    case "unit":
      return [probe.unit, String(probe.seconds)];
    case "command":
      return [probe.command];
    case "tcp":
      return [probe.address ?? "localhost", String(probe.port)];
    case "http":
      return [probe.url, String(probe.status ?? ""), probe.contains ?? "", probe.address ?? ""];
  }
}

async function within(
  seconds: number,
  signal: AbortSignal,
  probe: (limited: AbortSignal) => Promise<Found>,
): Promise<Found> {
  const limit = AbortSignal.timeout(seconds * 1000);
  try {
    return await probe(AbortSignal.any([signal, limit]));
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) return failed(`no answer within ${seconds} s`);
    throw error;
  }
}

const fromHere = (probe: HttpProbe | TcpProbe, host: string, signal: AbortSignal) =>
  probe.kind === "tcp" ? connectTo(probe, probe.address ?? host, signal) : get(probe, signal);

/** An address is looked up as ssh would: the host may have its name in ssh_config only. */
async function connectTo({ port }: Pick<TcpProbe, "port">, address: string, signal: AbortSignal): Promise<Found> {
  try {
    const configFile = process.env.BUNGEE_SSH_CONFIG || undefined;
    const destination = await resolveDestination({ address }, { configFile, signal });
    const way = await wayByTcp({ ...destination, port }, signal);
    way.close();
    return found(`${destination.hostname} port ${port} takes connections`);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BungeeError) return failed(error.message);
    throw error;
  }
}

/** A connection of its own for each try, no redirect followed, certificates verified. */
function get(probe: Omit<HttpProbe, "kind" | "from">, signal: AbortSignal): Promise<Found> {
  return new Promise((resolve, reject) => {
    const request = open(probe, signal);
    const end = (result: Found) => {
      resolve(result);
      request.destroy();
    };
    request.once("error", (error) => {
      if (signal.aborted) reject(signal.reason);
      else end(failed(`${probe.url} gives no answer: ${reasonOf(error)}`));
    });
    request.once("response", (response) => {
      const said = `${probe.url} answers ${response.statusCode}`;
      if (!isWanted(response, probe.status)) end(failed(probe.status === null ? said : `${said}, not ${probe.status}`));
      else if (probe.contains === null) end(found(said));
      else
        search(response, probe.contains, (there) =>
          end(there ? found(said) : failed(`${said}, without the text "${probe.contains}"`)),
        );
    });
    request.end();
  });
}

function open({ url, address }: Pick<HttpProbe, "url" | "address">, signal: AbortSignal): ClientRequest {
  const { protocol, host, hostname } = new URL(url);
  const name = hostname.replace(/^\[(.*)\]$/, "$1");
  return (protocol === "https:" ? requestHttps : requestHttp)(url, {
    agent: false,
    signal,
    ...PATIENCE,
    headers: { host, "user-agent": "bungee", connection: "close" },
    ...(address === null ? {} : { hostname: address, ...(isIP(name) ? {} : { servername: name }) }),
  });
}

const isWanted = ({ statusCode = 0 }: IncomingMessage, status: number | null): boolean =>
  status === null ? statusCode >= 200 && statusCode < 300 : statusCode === status;

function search(response: IncomingMessage, text: string, done: (there: boolean) => void): void {
  let body = Buffer.alloc(0);
  const look = () => done(body.includes(text));
  response.on("data", (chunk: Buffer) => {
    body = Buffer.concat([body, chunk]);
    if (body.length >= LONGEST_BODY || body.includes(text)) look();
  });
  response.once("end", look);
  response.once("error", look);
}

const found = (message: string): Found => ({ ok: true, message, output: [] });
const failed = (message: string): Found => ({ ok: false, message, output: [] });
