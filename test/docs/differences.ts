/** Makes docs/differences.md from the tables by which the tests know differences. `npm run docs` writes it; a test holds it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../house/sources.ts';
import { differences as ofListener } from '../interop/differences.ts';
import { type Distance, differences as ofDistances } from '../suites/differences.ts';
import { table } from './markdown.ts';

export const differencesPage = join(root, 'docs', 'differences.md');

const opening = `# What is otherwise

Made from the tables that the tests go by (\`npm run docs\`): each row is met by a case, and a case that meets none holds everywhere.

Producers, consumers and administration are the same code on a bus of one's own, at a bus that is reached over TCP, and at a cluster of Apache
Kafka. One suite of cases runs at all of these. What follows is what it expects otherwise.`;

const unseen = `## What no case can show

- A member learns of a rebalance by its next heartbeat: brokers push nothing. On a bus of one's own it is told at once. Where partitions are to
  change hands sooner than in \`heartbeatIntervalMs\`, make that shorter.
- With \`groupProtocol: 'consumer'\` a session's length is the group's (\`consumer.session.timeout.ms\`, 45 s in Kafka) and not the member's
  \`sessionTimeoutMs\`; a broker may ask for heartbeats more often than \`heartbeatIntervalMs\` says.
- \`commitSynced\` cannot be asked for: a commit is kept as the cluster keeps offsets (all in-sync replicas in Kafka; written by Spillway).
- Quotas go by the \`clientId\` of \`connect\`. That of a consumer is shown with its membership.
- A topic that a producer makes by sending to it is waited for; where the brokers do not make topics by themselves it is refused after five
  seconds, not at once.
- \`createTopics\`, \`deleteTopics\`, \`createPartitions\` and \`alterConfigs\` are answered when a broker shows the change, or after five seconds; other
  brokers of a cluster may hear of it later.
- An error that only Spillway knows comes as the nearest of Kafka's: \`DISK_FULL\` as \`KAFKA_STORAGE_ERROR\`, \`MEMORY_FULL\` as \`THROTTLING_QUOTA_EXCEEDED\`.`;

export function makeDifferencesPage(): string {
  return `${[
    opening,
    '## Over TCP, to a bus or to Kafka',
    distanceTable('tcp'),
    '## At a cluster of Apache Kafka',
    distanceTable('kafka'),
    unseen,
    '## Spillway as Kafka’s clients see it',
    table(
      Object.values(ofListener).map(({ kafka, spillway, why }) => [kafka, spillway, why]),
      ['Apache Kafka', 'Spillway', 'why'],
    ),
  ].join('\n\n')}\n`;
}

/** What is met over TCP is met at Kafka too, and told once. */
function distanceTable(distance: Exclude<Distance, 'bus'>): string {
  const rows = Object.values(ofDistances).filter(({ at }) => (distance === 'tcp' ? at.includes('tcp') : !at.includes('tcp')));
  return table(
    rows.map(({ bus, there, why }) => [bus, there, why]),
    ['a bus of one’s own', 'there', 'why'],
  );
}

export function differencesText(): string {
  return readFileSync(differencesPage, 'utf8');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(differencesPage, makeDifferencesPage());
