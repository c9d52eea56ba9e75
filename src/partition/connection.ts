/** A host's end of one port: what came and waits for its turn, and what this turn answers. */
import type { Port } from '../world/port.ts';
import type { HostAnswer, HostAsk, HostNotice, HostPost, HostReply } from './protocol.ts';

export interface Connection {
  port: Port<HostAnswer, HostPost>;
  /** The dispatcher's outbox, or null for the coordinator, which appends nothing. */
  outbox: Buffer | null;
  replies: HostReply[];
  notices: HostNotice[];
  transfers: ArrayBuffer[];
  /** Asks taken from the port and not yet handled: a turn had its fill. */
  held: HostAsk[];
  heldAt: number;
}

export function makeConnection(port: Port<HostAnswer, HostPost>, outbox: SharedArrayBuffer | null): Connection {
  return { port, outbox: outbox === null ? null : Buffer.from(outbox), replies: [], notices: [], transfers: [], held: [], heldAt: 0 };
}

/** The next ask, or undefined when none waits. */
export function nextAsk(connection: Connection): HostAsk | undefined {
  while (connection.heldAt === connection.held.length) {
    const post = connection.port.take();
    if (post === undefined) return undefined;
    connection.held = post.asks;
    connection.heldAt = 0;
  }
  return connection.held[connection.heldAt++];
}

/** One post with all that the turn answers. */
export function sendAnswers(connection: Connection): void {
  if (connection.replies.length === 0 && connection.notices.length === 0) return;
  const { replies, notices, transfers } = connection;
  connection.replies = [];
  connection.notices = [];
  if (transfers.length === 0) return connection.port.post({ replies, notices });
  connection.transfers = [];
  connection.port.post({ replies, notices }, transfers);
}
