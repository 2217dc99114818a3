/**
 * The connection of an `ssh` that runs as a master, shared by its proxy mode: we speak SSH's connection protocol (RFC 4254) to the
 * master's socket, and it puts our packets, encrypted, into its connection (OpenSSH's PROTOCOL.mux, since 7.4). An `ssh` per command
 * would need a process each, and says 255 both for a command that a signal ended and for a connection that broke.
 */
import { connect as connectSocket, type Socket } from "node:net";
import type { Channel } from "../connection.ts";
import { MuxSession, type SessionWire } from "./mux-session.ts";
import { Fields, uint32 } from "./ssh-packet.ts";

const HELLO = 0x00000001;
const VERSION = 4;
const REQUEST_PROXY = 0x1000000f;
const PROXY = 0x8000000f;
const NO_PADDING = Buffer.of(0);

/** sshd's own largest are 32 KiB; the master's limit is 256 KiB. */
const LONGEST_PACKET = 256 * 1024;

export class MuxClient {
  readonly #socket: Socket;
  readonly #sessions = new Map<number, MuxSession>();
  /** Who waits for the master's answer, before it is a proxy. */
  #greeting: ((body: Fields) => void) | undefined;
  #pending: Buffer = Buffer.alloc(0);
  #nextId = 0;
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("data", (chunk) => this.#receive(chunk));
    // What follows an error is the close.
    socket.on("error", () => {});
  }

  /** @param path of the master's socket. @throws Error when what listens there is no master that knows the proxy mode */
  static async connect(path: string): Promise<MuxClient> {
    const client = new MuxClient(connectSocket(path));
    const left = client.closed.then(() => {
      throw new Error("ssh closed its control socket");
    });
    try {
      const hello = client.#ask(undefined);
      client.#send([uint32(HELLO), uint32(VERSION)]);
      const greeting = await Promise.race([hello, left]);
      const [type, version] = [greeting.uint32(), greeting.uint32()];
      if (type !== HELLO || version !== VERSION)
        throw new Error(`ssh speaks version ${version} of its control protocol`);
      const answer = await Promise.race([client.#ask([uint32(REQUEST_PROXY), uint32(0)]), left]);
      if (answer.uint32() !== PROXY)
        throw new Error("this ssh cannot share its connection: it needs OpenSSH 7.4 or later");
      return client;
    } catch (error) {
      client.end();
      throw error;
    } finally {
      left.catch(() => {});
    }
  }

  /**
   * @param closed called once, when the host has closed the channel or the connection is lost
   * @throws ChannelRefused when the host allows no more of them; Error when it does not run the command
   */
  exec(line: string, lost: AbortSignal, closed: () => void): Promise<Channel> {
    const id = this.#nextId++;
    const wire: SessionWire = {
      send: (parts) => this.#send([NO_PADDING, ...parts]),
      gone: () => {
        this.#sessions.delete(id);
        closed();
      },
    };
    const session = new MuxSession(id, wire, lost);
    this.#sessions.set(id, session);
    return session.exec(line);
  }

  end(): void {
    this.#socket.destroy();
  }

  #ask(question: readonly Buffer[] | undefined): Promise<Fields> {
    const answer = new Promise<Fields>((resolve) => {
      this.#greeting = resolve;
    });
    if (question) this.#send(question);
    return answer;
  }

  #send(parts: readonly Buffer[]): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    // What is said in one go is one write.
    if (socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    socket.write(uint32(parts.reduce((sum, part) => sum + part.length, 0)));
    for (const part of parts) socket.write(part);
  }

  #receive(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= 4) {
      const length = this.#pending.readUInt32BE(0);
      if (length > LONGEST_PACKET) {
        this.#socket.destroy();
        return;
      }
      if (this.#pending.length < 4 + length) return;
      const body = this.#pending.subarray(4, 4 + length);
      this.#pending = this.#pending.subarray(4 + length);
      this.#take(body);
    }
  }

  #take(body: Buffer): void {
    const greeting = this.#greeting;
    if (greeting) {
      this.#greeting = undefined;
      greeting(new Fields(body));
      return;
    }
    try {
      const fields = new Fields(body);
      fields.byte(); // Its padding: none.
      const type = fields.byte();
      this.#sessions.get(fields.uint32())?.receive(type, fields);
    } catch {
      // Not what the protocol says: nothing after it could be trusted.
      this.#socket.destroy();
    }
  }
}
