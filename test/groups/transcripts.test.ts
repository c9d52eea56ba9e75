/** The life of groups as transcripts: what each member is told, what is stored, and what became of it. */
import { fileURLToPath } from 'node:url';
import { testTranscripts } from '../coordinator/transcript.ts';
import { Script } from './transcript.ts';

testTranscripts(fileURLToPath(new URL('../transcripts/groups/', import.meta.url)), () => {
  const script = new Script();
  return (command) => script.run(command);
});
