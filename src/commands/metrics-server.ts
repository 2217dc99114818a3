/** Gives metrics out over HTTP, until it is told to end. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { UsageError } from "../errors.ts";

export interface Listen {
  readonly address: string;
  readonly port: number;
}

export interface Metrics {
  readonly contentType: string;
  readonly text: string;
}

/** Each has its connection; a scraper has one. */
const MOST_CLIENTS = 64;

/**
 * Resolves when the signal is aborted and everything is closed.
 * @throws UsageError where nothing can listen there
 */
export async function serveMetrics(
  { address, port }: Listen,
  collect: () => Promise<Metrics>,
  onListening: (url: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const server = createServer((request, response) => {
    answer(request, response, collect).catch((error) => say(response, 500, `a defect of bungee: ${error}\n`));
  });
  server.maxConnections = MOST_CLIENTS;
  await listen(server, { address, port });
  const bound = server.address();
  const shown = address.includes(":") ? `[${address}]` : address;
  onListening(`http://${shown}:${typeof bound === "object" && bound !== null ? bound.port : port}/metrics`);
  const closed = new Promise((resolve) => server.once("close", resolve));
  const end = () => {
    server.close();
    server.closeAllConnections();
  };
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
  await closed;
}

function listen(server: Server, { address, port }: Listen): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        new UsageError(`cannot listen on ${address} port ${port}: ${REASONS[error.code ?? ""] ?? error.code}`, {
          mend: "give --listen another port, or an address of this machine",
        }),
      );
    });
    server.listen(port, address, resolve);
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "something listens there already",
  EADDRNOTAVAIL: "this machine does not have that address",
  ENOTFOUND: "no such address",
  EACCES: "only root may",
};

async function answer(
  { method, url = "" }: IncomingMessage,
  response: ServerResponse,
  collect: () => Promise<Metrics>,
): Promise<void> {
  const path = url.split("?")[0];
  if (path !== "/metrics" && path !== "/") return say(response, 404, "there are / and /metrics\n");
  if (method !== "GET" && method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return say(response, 405, "only GET\n");
  }
  if (path === "/") return say(response, 200, "bungee metrics: /metrics\n");
  const { contentType, text } = await collect();
  say(response, 200, text, contentType);
}

function say(response: ServerResponse, code: number, text: string, contentType = "text/plain; charset=utf-8"): void {
  response.writeHead(code, { "content-type": contentType, "content-length": Buffer.byteLength(text) });
  response.end(text);
}
