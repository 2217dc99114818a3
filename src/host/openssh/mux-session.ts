/** One command on the host as a session channel of RFC 4254, spoken through a master: flow control, both outputs, how it ended. */
import { ConnectionLostError } from "../../errors.ts";
import type { Exit } from "../../process.ts";
import type { Channel } from "../connection.ts";
import { ChannelRefused } from "../shared.ts";
import { Input, Output } from "./mux-streams.ts";
import { type Fields, packet } from "./ssh-packet.ts";

const MESSAGE = {
  open: 90,
  opened: 91,
  openFailure: 92,
  windowAdjust: 93,
  data: 94,
  extendedData: 95,
  eof: 96,
  close: 97,
  request: 98,
  success: 99,
  failure: 100,
} as const;

/** What the host may send ahead of us, both outputs together: OpenSSH's own number. */
const WINDOW = 2 * 1024 * 1024;
const MAX_PACKET = 32 * 1024;
/** Room is given back in pieces no smaller than this. */
const ADJUST = 256 * 1024;

export interface SessionWire {
  send(packet: readonly Buffer[]): void;
  /** The channel is over, on both sides or with its connection. */
  gone(): void;
}

export class MuxSession {
  readonly #id: number;
  readonly #wire: SessionWire;
  readonly #lost: AbortSignal;
  readonly #started = Promise.withResolvers<Channel>();
  readonly #exit = Promise.withResolvers<Exit>();
  readonly #stdout = new Output((size) => this.#giveBack(size));
  readonly #stderr = new Output((size) => this.#giveBack(size));
  readonly #stdin = new Input(
    (chunk) => this.#write(chunk),
    () => this.#tell(MESSAGE.eof),
  );
  #line = "";
  #peer: { readonly id: number; readonly maxPacket: number } | undefined;
  /** Bytes that the host takes now. */
  #room = 0;
  #unread = 0;
  #saidClose = false;
  #over = false;

  constructor(id: number, wire: SessionWire, lost: AbortSignal) {
    this.#id = id;
    this.#wire = wire;
    this.#lost = lost;
    // Who does not care for the exit need not handle it.
    this.#exit.promise.catch(() => {});
    this.#lost.addEventListener("abort", this.#onLost, { once: true });
  }

  exec(line: string): Promise<Channel> {
    this.#line = line;
    this.#wire.send(packet(MESSAGE.open, "session", this.#id, WINDOW, MAX_PACKET));
    return this.#started.promise;
  }

  /** @param fields behind the channel's number */
  receive(type: number, fields: Fields): void {
    switch (type) {
      case MESSAGE.opened:
        this.#peer = { id: fields.uint32(), ...this.#readRoom(fields) };
        this.#tell(MESSAGE.request, "exec", true, this.#line);
        break;
      case MESSAGE.openFailure:
        fields.uint32();
        this.#started.reject(new ChannelRefused(fields.text()));
        this.#end();
        break;
      case MESSAGE.success:
        this.#started.resolve(this.#channel());
        break;
      case MESSAGE.failure:
        this.#started.reject(new Error("the host refused to run the command"));
        this.#close();
        break;
      case MESSAGE.windowAdjust:
        this.#room += fields.uint32();
        this.#stdin.flush();
        break;
      case MESSAGE.data:
        this.#stdout.accept(fields.bytes());
        break;
      case MESSAGE.extendedData:
        // The only kind there is: standard error.
        fields.uint32();
        this.#stderr.accept(fields.bytes());
        break;
      case MESSAGE.eof:
        this.#endOutputs();
        break;
      case MESSAGE.request:
        this.#onRequest(fields);
        break;
      case MESSAGE.close:
        this.#onClose();
        break;
    }
  }

  #readRoom(fields: Fields): { maxPacket: number } {
    this.#room = fields.uint32();
    return { maxPacket: Math.min(fields.uint32(), MAX_PACKET) };
  }

  #channel(): Channel {
    return {
      stdin: this.#stdin,
      stdout: this.#stdout,
      stderr: this.#stderr,
      exited: this.#exit.promise,
      close: () => {
        // Without a terminal, sshd lets a command run on when its channel closes.
        if (!this.#saidClose) this.#tell(MESSAGE.request, "signal", false, "TERM");
        this.#close();
        this.#stdout.destroy();
        this.#stderr.destroy();
      },
    };
  }

  #onRequest(fields: Fields): void {
    const [name, wantsReply] = [fields.text(), fields.boolean()];
    if (name === "exit-status") this.#exit.resolve({ code: fields.uint32(), signal: null });
    // Without "SIG" on the wire; the port's names are those of node.
    else if (name === "exit-signal") this.#exit.resolve({ code: null, signal: `SIG${fields.text()}` });
    // sshd asks for a sign of life this way (ClientAliveInterval): any answer is one.
    else if (wantsReply) this.#tell(MESSAGE.failure);
  }

  #onClose(): void {
    const unsaid = "the host closed the channel without saying how the command ended";
    // No-ops where the one has begun, and the other's end is known.
    this.#started.reject(new Error(unsaid));
    this.#exit.reject(new ConnectionLostError(unsaid, { mend: "ask the host what became of it" }));
    this.#close();
    this.#endOutputs();
    this.#stdin.destroy();
    this.#end();
  }

  readonly #onLost = (): void => {
    const reason = this.#lost.reason as Error;
    this.#started.reject(reason);
    this.#exit.reject(reason);
    this.#stdin.destroy();
    this.#stdout.lose(reason);
    this.#stderr.lose(reason);
    this.#end();
  };

  #endOutputs(): void {
    this.#stdout.finish();
    this.#stderr.finish();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#lost.removeEventListener("abort", this.#onLost);
    this.#wire.gone();
  }

  #close(): void {
    if (!this.#saidClose) this.#tell(MESSAGE.close);
    this.#saidClose = true;
  }

  #tell(type: number, ...fields: Parameters<typeof packet>[1][]): void {
    if (this.#peer && !this.#over && !this.#saidClose) this.#wire.send(packet(type, this.#peer.id, ...fields));
  }

  /** Sends what the host has room for, and gives how much that was. */
  #write(chunk: Buffer): number {
    const size = Math.min(chunk.length, this.#room);
    const step = this.#peer?.maxPacket ?? MAX_PACKET;
    for (let at = 0; at < size; at += step) this.#tell(MESSAGE.data, chunk.subarray(at, Math.min(at + step, size)));
    this.#room -= size;
    return size;
  }

  #giveBack(size: number): void {
    this.#unread += size;
    if (this.#unread < ADJUST) return;
    this.#tell(MESSAGE.windowAdjust, this.#unread);
    this.#unread = 0;
  }
}
