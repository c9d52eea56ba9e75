/** All cases, in the order in which they go: each subject with topics and groups of its own. */
import { type BrokerKind, type Settings, startBroker } from '../brokers.ts';
import { type Answers, Asker } from './asking.ts';
import { classicCases } from './cases/classic.ts';
import { commitCases } from './cases/commits.ts';
import { configCases } from './cases/configs.ts';
import { everyVersion } from './cases/every.ts';
import { fetchCases } from './cases/fetch.ts';
import { listCases } from './cases/lists.ts';
import { makingCases } from './cases/making.ts';
import { memberCases } from './cases/members.ts';
import { metadataCases } from './cases/metadata.ts';
import { offsetCases } from './cases/offsets.ts';
import { produceCases } from './cases/produce.ts';
import { quotaCases } from './cases/quotas.ts';
import { staticCases } from './cases/statics.ts';
import { topicCases } from './cases/topics.ts';

type Subject = (asker: Asker) => Promise<void>;

/** Each on a broker of its own. What lists everything comes first, when nobody has used the broker. */
const brokers: readonly { settings: Settings; subjects: readonly Subject[] }[] = [
  {
    settings: { 'auto.create.topics.enable': 'false' },
    subjects: [
      listCases,
      topicCases,
      metadataCases,
      produceCases,
      fetchCases,
      offsetCases,
      commitCases,
      classicCases,
      memberCases,
      staticCases,
      configCases,
      quotaCases,
      everyVersion,
    ],
  },
  { settings: { 'auto.create.topics.enable': 'true', 'num.partitions': '2' }, subjects: [makingCases] },
];

/** Asks brokers of that kind all there is to ask. */
export async function answersOf(kind: BrokerKind): Promise<Answers> {
  const answers: Answers = new Map();
  for (const { settings, subjects } of brokers) {
    const broker = await startBroker(kind, settings);
    try {
      const port = Number(broker.bootstrap.split(':')[1]);
      for (const ask of subjects) {
        const asker = await Asker.open(port, answers);
        await ask(asker);
        asker.close();
      }
    } finally {
      await broker.stop();
    }
  }
  return answers;
}
