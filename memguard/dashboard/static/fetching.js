// Asks the server, and says in words what is wrong when it does not answer as it should.

const PATIENCE = 8000;

export class Trouble extends Error {
  constructor(words, { signIn = false } = {}) {
    super(words);
    this.signIn = signIn;
  }
}

export async function ask(address, options = {}) {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), PATIENCE);
  try {
    return await fetch(address, { cache: "no-store", signal: control.signal, ...options });
  } catch {
    throw new Trouble("The server does not answer.");
  } finally {
    clearTimeout(timer);
  }
}

// What an answer means that is none of memguard's: without a token the whole of it looks like any unknown path.
export function refusal(answer) {
  return answer.status === 401 || answer.status === 404
    ? new Trouble("The server no longer shows this page to you: the token has changed, or your session is over.", {
        signIn: true,
      })
    : answer.status === 503
      ? new Trouble("The store cannot be used.")
      : new Trouble(`The server answered with status ${answer.status}.`);
}

export async function askJson(address, options = {}) {
  const answer = await ask(address, options);
  const told = await answer.json().catch(() => null);
  if (told === null) throw refusal(answer);
  if (!answer.ok) throw new Trouble(told.error || `The server answered with status ${answer.status}.`);
  return told;
}
