/** The thread entry: a real thread, real ports, a real folder; it says what it was refused, and ends by itself. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import type { ControlAnswer, CoordinatorAnswer, CoordinatorPost } from '../../src/coordinator/protocol.ts';
import { applyAll, emptyState, factsOf } from '../../src/coordinator/state.ts';
import { openStore } from '../../src/coordinator/store.ts';
import { Pool } from '../../src/dispatch/pool.ts';
import type { HostPost } from '../../src/partition/protocol.ts';
import { Arena } from '../../src/world/arena.ts';
import { realDisk } from '../../src/world/disk.ts';
import type { CoordinatorData } from '../../workers/coordinator.ts';

let pool: Pool;
let folder = '';
beforeAll(() => {
  pool = new Pool(new URL('../../workers/coordinator.ts', import.meta.url).href);
});
afterAll(() => pool.destroy());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-worker-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a coordinator with one host that opens and drops whatever it is asked to. */
function run(data: Partial<CoordinatorData>, hostNumber = 0) {
  const arena = Arena.create({ framesMax: 64, frameBytes: 16 * 1024, slotsMax: 100 });
  const [control, host, dispatcher] = [new MessageChannel(), new MessageChannel(), new MessageChannel()];
  const said: ControlAnswer[] = [];
  const whole: CoordinatorData = {
    folder,
    arena: arena.handle,
    hosts: 1,
    defaults: {},
    memoryBytesMax: 2 ** 28,
    logLevel: 'silent',
    successor: false,
    facts: [],
    control: control.port2,
    ...data,
  };
  const ended = pool.run(whole, [control.port2]);
  control.port1.on('message', (answer: ControlAnswer) => said.push(answer));
  host.port1.on('message', ({ asks }: HostPost) => {
    const replies = asks.map((ask) => ({ verb: ask.verb, id: ask.id, error: 0, results: [] }));
    host.port1.postMessage({ replies, notices: [] });
  });
  control.port1.postMessage({ control: 'hostUp', host: hostNumber, port: host.port2 }, [host.port2]);
  control.port1.postMessage({ control: 'dispatcherUp', dispatcher: 0, port: dispatcher.port2 }, [dispatcher.port2]);
  const ask = (post: CoordinatorPost) =>
    new Promise<CoordinatorAnswer['replies']>((resolve) => {
      const replies: CoordinatorAnswer['replies'] = [];
      dispatcher.port1.on('message', (answer: CoordinatorAnswer) => {
        replies.push(...answer.replies);
        if (replies.length === post.asks.length) resolve(replies);
      });
      dispatcher.port1.postMessage(post);
    });
  return { said, ended, ask, control: control.port1 };
}

const life: CoordinatorPost = {
  asks: [
    { verb: 'metadata', id: 1, topics: ['made'], autoCreate: true },
    { verb: 'initProducerId', id: 2 },
  ],
};
const close: CoordinatorPost = { asks: [{ verb: 'close', id: 3, deadlineMs: 1000, clean: true }] };

describe('a coordinator on its thread', () => {
  test('lives, keeps what it decided, and ends by itself when it is closed', async () => {
    const first = run({});
    const [made] = (await first.ask(life)).filter(({ verb }) => verb === 'metadata');
    await first.ask(close);
    await first.ended;
    expect(readdirSync(folder).sort()).toEqual(['clean', 'spillway.db', 'topics.copy']);
    expect(first.said.map(({ control }) => control)).toEqual(['ready', 'hostReady']);

    const second = run({});
    const replies = await second.ask(life);
    expect(replies.find(({ verb }) => verb === 'metadata')).toMatchObject({
      topics: [{ topicId: made.verb === 'metadata' ? made.topics[0].topicId : '' }],
    });
    expect(replies.find(({ verb }) => verb === 'initProducerId')).toMatchObject({ producerId: 1000 });
    await second.ask(close);
    await second.ended;
    const idOf = (said: ControlAnswer[]) => said.flatMap((answer) => (answer.control === 'ready' ? [answer.busId] : []))[0];
    expect(idOf(second.said)).toBe(idOf(first.said));
  });

  test('writes nothing to disk without a folder', async () => {
    const memory = run({ folder: null });
    await memory.ask(life);
    await memory.ask(close);
    await memory.ended;
    expect(readdirSync(folder)).toEqual([]);
  });

  test('says that another owner has the folder, and ends; afterwards the folder is to be had', async () => {
    const owner = openStore({ folder, disk: realDisk, pid: process.pid });
    const refused = run({});
    await refused.ended;
    await expect
      .poll(() => refused.said)
      .toEqual([
        {
          control: 'refused',
          error: errors.FOLDER_LOCKED.code,
          message: expect.stringContaining(`in use by process ${process.pid}`),
          details: { folder, pid: process.pid },
        },
      ]);
    owner.close();
    const accepted = run({});
    await accepted.ask(life);
    await accepted.ask(close);
    await accepted.ended;
  });

  test('says what is wrong with its settings or its folder, and ends', async () => {
    const settings = run({ defaults: { 'num.partitions': 'many' } });
    await settings.ended;
    await expect.poll(() => settings.said).toMatchObject([{ control: 'refused', error: errors.INVALID_ARGUMENT.code }]);
    writeFileSync(join(folder, 'file'), '');
    const inFile = run({ folder: join(folder, 'file') });
    await inFile.ended;
    await expect.poll(() => inFile.said).toMatchObject([{ control: 'refused', error: errors.FOLDER_INVALID.code, message: /mkdir/ }]);
  });

  test.each([
    ['before it begins', { hosts: 0 }, 0, /1 to 64 hosts/],
    ['in a turn', { hosts: 1 }, 9, /a host has a number below the count/],
  ])(
    'fails its task with an invariant that broke %s; the folder is held until its supervisor gives up',
    async (_, data, hostNumber, message) => {
      const broken = run(data, hostNumber);
      await expect(broken.ended).rejects.toThrow(message);
      expect(() => openStore({ folder, disk: realDisk, pid: process.pid })).toThrow(/in use by process/);
      await pool.run({ giveUp: true }, []);
      openStore({ folder, disk: realDisk, pid: process.pid }).close();
    },
  );

  test.each([[true], [false]])('one that fails is followed by another that knows what was stored, with a folder: %s', async (hasFolder) => {
    const data = hasFolder ? {} : { folder: null };
    const first = run(data);
    const [made] = (await first.ask(life)).filter(({ verb }) => verb === 'metadata');
    first.control.postMessage({ control: 'fail', stage: 'answered', turns: 0 });
    await expect(first.ended).rejects.toThrow('told to fail when answered');
    const facts = first.said.flatMap((answer) => (answer.control === 'facts' ? answer.facts : []));
    expect(facts.length > 0).toBe(!hasFolder);
    const known = emptyState(100);
    applyAll(known, facts);
    const second = run({ ...data, successor: true, facts: factsOf(known) });
    const replies = await second.ask({ asks: [...life.asks] });
    expect(replies.find(({ verb }) => verb === 'metadata')).toEqual({ ...made, id: 1 });
    expect(replies.find(({ verb }) => verb === 'initProducerId')).toMatchObject({ producerId: 1000 });
    await second.ask(close);
    await second.ended;
  });
});
