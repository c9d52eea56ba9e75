/** A broker of Apache Kafka (one node, KRaft) and its Java client, both on this machine's cores, as they would be on one host. */
import { javaSkipReason, kafkaClasspath, startKafkaBroker } from '../../test/interop/java.ts';
import { compile, peakMbOf, runJavaPeer } from './jars.ts';
import type { Peer } from './work.ts';

export const peer: Peer = {
  skipReason: () => javaSkipReason,
  async run(setup) {
    const jars = kafkaClasspath();
    const classes = compile(['KafkaPeer', 'Load'], jars);
    // 1 GB is what Kafka's own start script gives a broker.
    const broker = await startKafkaBroker({ heapMb: 1024, flags: ['-XX:+UseG1GC'] });
    try {
      const clientMb = await runJavaPeer(setup, {
        main: 'KafkaPeer',
        classpath: [classes, jars],
        options: { bootstrap: broker.bootstrap },
      });
      return clientMb + peakMbOf(broker);
    } finally {
      await broker.stop();
    }
  },
};
