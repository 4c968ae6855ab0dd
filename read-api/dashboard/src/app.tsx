// From a token to the team's views.

import { useCallback, useEffect, useMemo, useState } from "preact/hooks";

import { Api, ApiError } from "./api";
import { ApiContext } from "./context";
import { Failed, Loading } from "./parts/states";
import { endSession, keepSession, openSession, parseToken, type Session } from "./session";
import { Frame } from "./views/frame";
import { SignIn } from "./views/sign_in";

export function App() {
  const [session, setSession] = useState<Session | null>(openSession);
  const [notice, setNotice] = useState<string | null>(null);
  const [commandApi, error, retry] = useCommandApi();
  const signOut = useCallback((reason: string | null) => {
    endSession();
    setNotice(reason);
    setSession(null);
  }, []);
  useEffect(() => {
    // A link with a token may be opened in a tab that shows this page already.
    const onLink = () => {
      const linked = openSession();
      if (!linked) return;
      setNotice(null);
      setSession(linked);
    };
    addEventListener("hashchange", onLink);
    return () => removeEventListener("hashchange", onLink);
  }, []);
  const signIn = (token: string) => {
    const session = parseToken(token);
    if (!session) return setNotice("This is no token. Copy all of what `diagent token` prints.");
    if (session.expiresAt <= Date.now()) return setNotice("This token has expired.");
    keepSession(token);
    setNotice(null);
    setSession(session);
  };
  const api = useMemo(
    () =>
      session && commandApi !== undefined
        ? new Api(session.token, commandApi, () => signOut("The token is not valid any more. Sign in again."))
        : null,
    [session, commandApi, signOut],
  );
  if (!session) return <SignIn notice={notice} onToken={signIn} />;
  if (error) return <Failed error={error} onRetry={retry} />;
  if (!api) return <Loading />;
  return (
    <ApiContext.Provider value={api}>
      <Frame api={api} session={session} onSignOut={() => signOut(null)} />
    </ApiContext.Provider>
  );
}

/** Where conversations are taken over: null for nowhere, undefined as long as it is not known. */
function useCommandApi(): [string | null | undefined, Error | null, () => void] {
  const [known, setKnown] = useState<string | null>();
  const [error, setError] = useState<Error | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    fetch("/config.json")
      .then((response) => (response.ok ? response.json() : Promise.reject(response)))
      .then(({ data }) => setKnown(data.command_api))
      .catch(() => setError(new ApiError(0, "unreachable", "The server cannot be reached.")));
  }, [turn]);
  const retry = () => {
    setError(null);
    setTurn(turn + 1);
  };
  return [known, error, retry];
}
