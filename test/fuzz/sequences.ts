/**
 * Sequences of requests that are sound but for a field here and there, held against a model of what Kafka answers: producers with their epochs and
 * sequences, fetch sessions with theirs, members of groups of both protocols. A wrong one is refused by its own error and changes nothing: the
 * sound one after it goes on as if it had never been.
 */
import { seededRandom } from '../../src/world/random.ts';
import { TOPIC_PARTITIONS, TOPICS } from './attacks.ts';
import { type Bed, openLoopbackBed } from './beds.ts';
import { ClassicMember, ConsumerMember } from './model-groups.ts';
import { ProducerModel } from './model-producers.ts';
import { SessionModel } from './model-sessions.ts';
import type { FuzzResult } from './records.ts';
import { Witness } from './witness.ts';

export const SEQUENCE_CASES = 500;

/** Runs cases `from` to `to` of `seed`, each one step. Throws, naming seed and case, when an answer is not what it should be. */
export async function fuzzSequences(seed: number, from: number, to: number, progress: () => void = () => {}): Promise<FuzzResult> {
  const reasons: Record<string, number> = {};
  for (let first = Math.floor(from / SEQUENCE_CASES) * SEQUENCE_CASES; first < to; first += SEQUENCE_CASES) {
    const bed = await openLoopbackBed(seed + first);
    await fuzzBlock(bed, seed, first, Math.min(to, first + SEQUENCE_CASES), (reason) => {
      reasons[reason] = (reasons[reason] ?? 0) + 1;
    });
    await bed.close();
    progress();
  }
  return { cases: to - from, reasons };
}

async function fuzzBlock(bed: Bed, seed: number, from: number, to: number, add: (reason: string) => void): Promise<void> {
  const random = seededRandom(seed * 1_000_003 + from);
  const witness = await Witness.begin(await bed.connect(), 10_000, TOPICS, TOPIC_PARTITIONS);
  const client = await bed.connect();
  const producers = new ProducerModel(client, TOPICS[0], TOPIC_PARTITIONS);
  const models = [
    producers,
    producers,
    new SessionModel(client, TOPICS[0], producers.ends),
    new ClassicMember(client, TOPICS[0]),
    new ConsumerMember(client, TOPICS[0]),
  ];
  for (let number = from; number < to; number++) {
    try {
      add(await models[random.below(models.length)].step(random));
      if (number % 100 === 0) await witness.round();
      const problem = bed.problem();
      if (problem !== undefined) throw new Error(problem);
    } catch (error) {
      throw new Error(`seed ${seed}, case ${number}: ${(error as Error).message}`, { cause: error });
    }
  }
  await producers.end();
}

/** Throws unless the two are the same. */
export function expectSame(what: string, found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: ${a} where ${b} should be`);
}
