/** Thread entry of handlers that are a module of the user's. No logic. */
import { handleInThread } from '../src/client/run/in-thread.ts';

export default handleInThread;
