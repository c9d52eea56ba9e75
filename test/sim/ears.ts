/** Ears at ports between threads, for what a simulation wants to know and nobody is told. */
import type { CoordinatorAnswer, CoordinatorPost } from '../../src/coordinator/protocol.ts';
import type { HostAnswer, HostPost } from '../../src/partition/protocol.ts';
import type { Port } from '../../src/world/port.ts';
import type { CommitAsk, GroupAuditor } from './group-auditor.ts';

/** A coordinator's port to a dispatcher, with an ear for commits at it. */
export function tapped(port: Port<CoordinatorAnswer, CoordinatorPost>, groups: GroupAuditor | undefined): typeof port {
  if (groups === undefined) return port;
  const asked = new Map<number, CommitAsk>();
  return {
    ...facade(port),
    post: (answer) => {
      port.post(answer);
      for (const { verb, id } of answer.replies) {
        const ask = verb === 'offsetCommit' ? asked.get(id) : undefined;
        if (ask === undefined) continue;
        asked.delete(id);
        groups.answered(ask);
      }
    },
    take: () => {
      const post = port.take();
      for (const ask of post?.asks ?? []) {
        if (ask.verb !== 'offsetCommit') continue;
        asked.set(ask.id, ask);
        groups.asked(ask);
      }
      return post;
    },
  };
}

function facade<Out, In>(port: Port<Out, In>): Port<Out, In> {
  return {
    post: (message, transfer) => port.post(message, transfer),
    take: () => port.take(),
    listen: (wake, closed) => port.listen(wake, closed),
    ref: (hold) => port.ref(hold),
    close: () => port.close(),
  };
}

/** A host's port to the coordinator, with an ear at it. */
export function listening(port: Port<HostAnswer, HostPost>, thread: { parkedReads: number }): Port<HostAnswer, HostPost> {
  return {
    ...facade(port),
    post: (answer, transfer) => {
      for (const notice of answer.notices) if (notice.notice === 'load') thread.parkedReads = notice.parkedReads;
      port.post(answer, transfer);
    },
  };
}
