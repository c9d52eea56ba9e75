/** Every foreign client, unmodified, on every case; then each reads what the others wrote. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isFull, onBrokers } from '../brokers.ts';
import { administerGroups, administerTopics } from './cases/administration.ts';
import { shareAndResume } from './cases/groups.ts';
import { readOthers, type Written, writeAndReadBack } from './cases/records.ts';
import { seek } from './cases/seeks.ts';
import { eventually, type Trial } from './cases/trial.ts';
import { type ForeignClient, foreignClients } from './clients.ts';
import { verbNames, type Witness } from './witness.ts';

const clients = foreignClients.filter(({ skip }) => skip === null);
// Always to be had, and has what a case needs to begin.
const directing = foreignClients.find(({ name }) => name === 'kafkajs') as ForeignClient;

onBrokers('foreign clients', {}, (broker) => {
  const witnesses = new Map<string, Witness>();
  let director: Witness;
  const written = new Map<string, Written>();

  // The first time clients are fetched, and those in Go compiled.
  beforeAll(async () => {
    director = await directing.open(broker.bootstrap);
    // kafkajs gives up on a group whose coordinator is still being made.
    await eventually(async () => (await director.ask('describeGroup', { group: 'nobody', assignor: 'range' })).state === 'Dead', 60_000);
    await Promise.all(clients.map(async (client) => witnesses.set(client.name, await client.open(broker.bootstrap))));
  }, 600_000);
  afterAll(async () => {
    await Promise.all([...witnesses.values(), director].map((witness) => witness.close()));
  });
  const trialOf = (client: ForeignClient): Trial => ({ client, witness: witnesses.get(client.name) as Witness, director, broker });

  /** A case for all clients at the same time: they wait more than they work. */
  function forEach(what: string, run: (trial: Trial) => Promise<void>, suits: (client: ForeignClient) => boolean = () => true): void {
    describe(what, () => {
      for (const client of foreignClients.filter(suits)) {
        const { name, skip } = client;
        if (skip === null) test.concurrent(name, { timeout: 120_000 }, () => run(trialOf(client)));
        else test.skip(`${name} (${skip})`);
      }
    });
  }

  forEach('has what it is said to have', async ({ client, witness }) => {
    const { verbs } = await witness.ask('hello', {});
    expect([...verbs].sort()).toEqual(verbNames.filter((verb) => client.lacks[verb] === undefined).sort());
  });

  forEach('writes every codec and reads it back', async (trial) => {
    written.set(trial.client.name, await writeAndReadBack(trial));
  });

  describe.concurrent('and then', () => {
    forEach('reads what the others wrote', async ({ client, witness }) => {
      // Who could not write has failed already.
      expect(written.size).toBeGreaterThan(1);
      for (const [name, one] of written) if (name !== client.name) await readOthers(witness, one, client);
    });

    forEach('reads from an offset and from a time', seek);

    for (const assignor of ['range', 'roundrobin', 'sticky', 'cooperative-sticky', 'consumer'] as const) {
      const suits = ({ assignors }: ForeignClient) =>
        assignors.includes(assignor) && (isFull || assignor === 'consumer' || assignors[0] === assignor);
      if (foreignClients.some(suits)) forEach(`shares a group (${assignor})`, (trial) => shareAndResume(trial, assignor), suits);
    }

    forEach('administers topics', administerTopics, ({ lacks }) => lacks.listTopics === undefined);
    forEach('administers groups', administerGroups, ({ lacks }) => lacks.setGroupOffsets === undefined);
  });
});
