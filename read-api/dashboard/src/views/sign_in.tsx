// Signing in with an operator's token.

import { useState } from "preact/hooks";

type Props = { notice: string | null; onToken: (token: string) => void };

export function SignIn({ notice, onToken }: Props) {
  const [token, setToken] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    onToken(token.trim());
  };
  return (
    <main class="sign-in">
      <form onSubmit={submit}>
        <img src="/favicon.svg" alt="" width="44" height="44" />
        <h1>Sign in to Diagent</h1>
        <p class="muted">
          With a token for your workspace. An operator mints one with <code>diagent token --name YOU</code>.
        </p>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          autofocus
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
          aria-describedby={notice ? "sign-in-notice" : undefined}
          aria-invalid={notice ? true : undefined}
        />
        {notice && (
          <p id="sign-in-notice" class="problem" role="alert">
            {notice}
          </p>
        )}
        <button type="submit" class="button primary">
          Sign in
        </button>
        <p class="muted small">It stays in this tab and is gone when you close it.</p>
      </form>
    </main>
  );
}
