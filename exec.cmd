@rem The script of `npm start` begins with `exec`, a word of Unix shells. Where npm's shell is cmd, which looks into this folder first, this file is that word.
@%*
