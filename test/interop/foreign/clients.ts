/** The foreign clients that are tried: how each is had and started, and what it cannot do of its own, so that no case skips it silently. */
import { join } from 'node:path';
import { goWitness, kcat, noGo, noKcat, noPython, pythonPackages } from './install.ts';
import { openKcat } from './kcat.ts';
import { openOwn } from './own.ts';
import { type Assignor, type Codec, codecs, openWitness, type Verb, type Witness } from './witness.ts';

export interface ForeignClient {
  name: string;
  /** Why it cannot be had here, or null. */
  skip: string | null;
  codecs: readonly Codec[];
  /** Which partition a key has with it. */
  partitioner: 'murmur2' | 'crc32';
  /** What its groups can be told to use; the first is what a small dose tries. */
  assignors: readonly Assignor[];
  /** Verbs that it has not, and why. */
  lacks: Partial<Record<Verb, string>>;
  /** What its API has no way to send, and why. */
  cannotSend: { nullHeader?: string; mixedHeaders?: string; empty?: string; timestamps?: string };
  /** Whether it hands on headers by name, so that their order among names is lost. */
  readsHeadersByName: boolean;
  /** Whether it can ask for the largest timestamp (−3). */
  listsMaxTimestamp: boolean;
  /** Whether it describes groups of KIP-848 (ConsumerGroupDescribe). */
  describesConsumerGroups: boolean;
  /** Whether it knows INVALID_RECORD, an error of 2019. */
  knowsInvalidRecord: boolean;
  /** Why its group members may read again what was committed, with any broker; or null. */
  mayRepeat: string | null;
  open(bootstrap: string): Promise<Witness>;
}

const here = import.meta.dirname;

const go = (name: string) => async (bootstrap: string) => openWitness(await goWitness(), [name, bootstrap]);
const node = (name: string) => async (bootstrap: string) => openWitness(process.execPath, [join(here, 'node', `${name}.ts`), bootstrap]);
const python = (name: string) => async (bootstrap: string) =>
  openWitness('python3', [join(here, 'python', `${name}.py`), bootstrap], {
    PYTHONPATH: await pythonPackages(),
    PYTHONDONTWRITEBYTECODE: '1',
  });

const ownAdmin = 'the conformance suite tries its administration';
const noAdmin = 'it is a producer and a consumer';

export const foreignClients: readonly ForeignClient[] = [
  {
    name: 'kcat',
    skip: noKcat,
    codecs,
    partitioner: 'crc32',
    assignors: ['range', 'roundrobin', 'cooperative-sticky'],
    lacks: {
      createTopic: noAdmin,
      describeConfigs: noAdmin,
      alterConfigs: noAdmin,
      addPartitions: noAdmin,
      deleteRecords: noAdmin,
      deleteTopic: noAdmin,
      listGroups: noAdmin,
      describeGroup: noAdmin,
      groupOffsets: noAdmin,
      setGroupOffsets: noAdmin,
      deleteGroupOffsets: noAdmin,
      deleteGroup: noAdmin,
    },
    cannotSend: {
      nullHeader: 'headers come from the command line as name=value',
      empty: 'what is empty is null, or nothing is',
      timestamps: 'it has no option for them',
    },
    readsHeadersByName: false,
    listsMaxTimestamp: false,
    describesConsumerGroups: false,
    knowsInvalidRecord: true,
    mayRepeat: null,
    open: async (bootstrap) => openKcat(await kcat(), bootstrap),
  },
  {
    name: 'franz-go',
    skip: noGo,
    codecs,
    partitioner: 'murmur2',
    assignors: ['cooperative-sticky', 'range', 'roundrobin', 'sticky', 'consumer'],
    lacks: {},
    cannotSend: {},
    readsHeadersByName: false,
    listsMaxTimestamp: true,
    describesConsumerGroups: true,
    knowsInvalidRecord: true,
    mayRepeat: null,
    open: go('franz-go'),
  },
  {
    name: 'sarama',
    skip: noGo,
    codecs,
    partitioner: 'murmur2',
    assignors: ['range', 'roundrobin', 'sticky', 'cooperative-sticky'],
    lacks: {},
    cannotSend: {},
    readsHeadersByName: false,
    listsMaxTimestamp: false,
    describesConsumerGroups: false,
    knowsInvalidRecord: true,
    mayRepeat: null,
    open: go('sarama'),
  },
  {
    name: 'confluent-kafka',
    skip: noPython,
    codecs,
    partitioner: 'crc32',
    assignors: ['range', 'roundrobin', 'cooperative-sticky', 'consumer'],
    lacks: { deleteGroupOffsets: 'librdkafka has it, its Python binding has not' },
    cannotSend: {},
    readsHeadersByName: false,
    listsMaxTimestamp: true,
    describesConsumerGroups: true,
    knowsInvalidRecord: true,
    mayRepeat: null,
    open: python('confluent_witness'),
  },
  {
    name: 'aiokafka',
    skip: noPython,
    codecs,
    partitioner: 'murmur2',
    assignors: ['roundrobin', 'range', 'sticky'],
    lacks: {
      deleteGroup: 'its admin client has no such call',
      deleteGroupOffsets: 'its admin client has no such call',
    },
    cannotSend: {},
    readsHeadersByName: false,
    listsMaxTimestamp: false,
    describesConsumerGroups: false,
    knowsInvalidRecord: false,
    mayRepeat: null,
    open: python('aiokafka_witness'),
  },
  {
    name: 'kafkajs',
    skip: null,
    codecs,
    partitioner: 'murmur2',
    assignors: ['roundrobin'],
    lacks: { deleteGroupOffsets: 'its admin client has no such call' },
    cannotSend: { nullHeader: 'it takes the length of it and throws', mixedHeaders: 'headers are an object by name' },
    readsHeadersByName: true,
    listsMaxTimestamp: false,
    describesConsumerGroups: false,
    knowsInvalidRecord: true,
    mayRepeat: 'a fetch that is being prepared while it gets a partition back begins where it had once been',
    open: node('kafkajs'),
  },
  {
    name: '@platformatic/kafka',
    skip: null,
    codecs,
    partitioner: 'murmur2',
    assignors: ['roundrobin', 'consumer'],
    lacks: {},
    cannotSend: {},
    readsHeadersByName: false,
    listsMaxTimestamp: true,
    describesConsumerGroups: false,
    knowsInvalidRecord: true,
    mayRepeat: 'a fetch that is being prepared while it gets a partition back begins where it had once been',
    open: node('platformatic'),
  },
  {
    name: 'spillway',
    skip: null,
    codecs,
    partitioner: 'murmur2',
    assignors: ['range', 'roundrobin', 'sticky', 'cooperative-sticky', 'consumer'],
    lacks: {
      describeTopic: ownAdmin,
      listTopics: ownAdmin,
      describeConfigs: ownAdmin,
      alterConfigs: ownAdmin,
      addPartitions: ownAdmin,
      deleteRecords: ownAdmin,
      deleteTopic: ownAdmin,
      describeCluster: ownAdmin,
      listGroups: ownAdmin,
      describeGroup: ownAdmin,
      setGroupOffsets: ownAdmin,
      deleteGroupOffsets: ownAdmin,
      deleteGroup: ownAdmin,
    },
    cannotSend: {},
    readsHeadersByName: false,
    listsMaxTimestamp: true,
    describesConsumerGroups: false,
    knowsInvalidRecord: true,
    mayRepeat: null,
    open: openOwn,
  },
];
