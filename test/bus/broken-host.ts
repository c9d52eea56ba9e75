/** A thread entry that cannot be loaded. */
throw new Error('the entry is broken');
