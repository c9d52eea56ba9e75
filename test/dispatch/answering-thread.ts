/** A thread whose task is over at once. */
export default function run(): Promise<string> {
  return Promise.resolve('done');
}
