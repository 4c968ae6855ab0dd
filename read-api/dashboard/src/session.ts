// Who is signed in. The token stays in this tab: it is in no address that a server sees, and gone when the tab is closed.

const KEY = "diagent.token";

export type Session = { token: string; id: string; name: string; scopes: string[]; expiresAt: number };

/** What the token says of itself; the APIs verify it. */
export function parseToken(token: string): Session | null {
  try {
    const payload = token.split(".")[1] ?? "";
    const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof claims.sub !== "string" || typeof claims.exp !== "number") return null;
    return {
      token,
      id: claims.sub,
      name: claims.name ?? claims.sub,
      scopes: String(claims.scope ?? "").split(" "),
      expiresAt: claims.exp * 1000,
    };
  } catch {
    return null;
  }
}

/** The session of this tab: from a link's `#token=…`, which leaves the address bar at once, or from before a reload. */
export function openSession(): Session | null {
  const linked = new URLSearchParams(location.hash.slice(1)).get("token");
  if (linked) {
    history.replaceState(null, "", location.pathname + location.search);
    keepSession(linked);
  }
  const session = parseToken(sessionStorage.getItem(KEY) ?? "");
  return session && session.expiresAt > Date.now() ? session : null;
}

export const keepSession = (token: string) => sessionStorage.setItem(KEY, token);

export const endSession = () => sessionStorage.removeItem(KEY);
