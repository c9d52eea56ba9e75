/** Kafka's command-line tools by the names of their scripts, on a JVM that runs many. */
import type { BrokerUnderTest } from './brokers.ts';
import type { Ended, Jvm, Program } from './jvm.ts';

const mains = {
  topics: 'org.apache.kafka.tools.TopicCommand',
  configs: 'kafka.admin.ConfigCommand',
  'console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'verifiable-producer': 'org.apache.kafka.tools.VerifiableProducer',
  'verifiable-consumer': 'org.apache.kafka.tools.VerifiableConsumer',
  'consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  groups: 'org.apache.kafka.tools.GroupsCommand',
  'get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'delete-records': 'org.apache.kafka.tools.DeleteRecordsCommand',
  'log-dirs': 'org.apache.kafka.tools.LogDirsCommand',
  'producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
  'consumer-perf-test': 'org.apache.kafka.tools.ConsumerPerformance',
  'e2e-latency': 'org.apache.kafka.tools.EndToEndLatency',
  'broker-api-versions': 'org.apache.kafka.tools.BrokerApiVersionsCommand',
  cluster: 'org.apache.kafka.tools.ClusterTool',
  'leader-election': 'org.apache.kafka.tools.LeaderElectionCommand',
  'reassign-partitions': 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
  transactions: 'org.apache.kafka.tools.TransactionsCommand',
  'metadata-quorum': 'org.apache.kafka.tools.MetadataQuorumCommand',
  features: 'org.apache.kafka.tools.FeatureCommand',
  'client-metrics': 'org.apache.kafka.tools.ClientMetricsCommand',
} as const;

/** Their subcommands do not know it. */
const bootstrapFirst: ReadonlySet<Tool> = new Set<Tool>(['features', 'metadata-quorum', 'transactions']);

export type Tool = keyof typeof mains;

export class Tools {
  readonly #jvm: Jvm;
  readonly #broker: BrokerUnderTest;

  constructor(jvm: Jvm, broker: BrokerUnderTest) {
    this.#jvm = jvm;
    this.#broker = broker;
  }

  /** Runs a tool to its end with the words of `line`; resolves with what it wrote. Rejects on an exit code that is not 0. */
  async run(tool: Tool, line: string, stdin = ''): Promise<string> {
    const { code, out, err } = await this.start(tool, line, stdin).ended;
    if (code !== 0) throw new Error(`${tool} ${line} ended with ${code}:\n${out}\n${err}`);
    return out;
  }

  /** As `run`, of a tool that is to fail. */
  fails(tool: Tool, line: string): Promise<Ended> {
    return this.start(tool, line).ended;
  }

  start(tool: Tool, line: string, stdin = ''): Program {
    const { bootstrap } = this.#broker;
    const words = line === '' ? [] : line.split(' ');
    const args = bootstrapFirst.has(tool) ? ['--bootstrap-server', bootstrap, ...words] : [...words, '--bootstrap-server', bootstrap];
    if (tool === 'producer-perf-test') args.splice(-2, 2, '--producer-props', `bootstrap.servers=${bootstrap}`);
    if (tool === 'e2e-latency') args.splice(0, args.length, bootstrap, ...words);
    return this.#jvm.start(mains[tool], args, stdin);
  }
}
