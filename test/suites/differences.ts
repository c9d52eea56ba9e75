/** Where Apache Kafka's own broker does otherwise than a bus: cases of the suite by title, with the reason. */
export const kafkaDifferences: Readonly<Record<string, string>> = {
  'a pattern takes in topics that come later':
    'Kafka looks for them ten seconds later at the earliest, which is longer than a case may take',
};
