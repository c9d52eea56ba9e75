/** All cases, in the order in which they go: on one broker, each subject with topics and groups of its own. */
import { type BrokerKind, startBroker } from '../brokers.ts';
import { type Answers, Asker } from './asking.ts';
import { classicCases } from './cases/classic.ts';
import { commitCases } from './cases/commits.ts';
import { configCases } from './cases/configs.ts';
import { everyVersion } from './cases/every.ts';
import { fetchCases } from './cases/fetch.ts';
import { listCases } from './cases/lists.ts';
import { memberCases } from './cases/members.ts';
import { metadataCases } from './cases/metadata.ts';
import { offsetCases } from './cases/offsets.ts';
import { produceCases } from './cases/produce.ts';
import { quotaCases } from './cases/quotas.ts';
import { topicCases } from './cases/topics.ts';

/** What lists everything comes first, on a broker that nobody has used. */
const subjects = [
  listCases,
  topicCases,
  metadataCases,
  produceCases,
  fetchCases,
  offsetCases,
  commitCases,
  classicCases,
  memberCases,
  configCases,
  quotaCases,
  everyVersion,
];

/** Asks a broker of that kind all there is to ask. */
export async function answersOf(kind: BrokerKind): Promise<Answers> {
  const broker = await startBroker(kind, { 'auto.create.topics.enable': 'false' });
  try {
    const port = Number(broker.bootstrap.split(':')[1]);
    const answers: Answers = new Map();
    for (const ask of subjects) {
      const asker = await Asker.open(port, answers);
      await ask(asker);
      asker.close();
    }
    return answers;
  } finally {
    await broker.stop();
  }
}
