// Talking to the API: the bearer token goes along, and what goes wrong is a typed error.

import { currentToken, refuseToken } from "/static/token.js";

export const API = "/api/v1";

// The server said what is wrong; `slug` is the last part of the problem's type (RFC 9457).
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {ProblemBody} body
   */
  constructor(status, body) {
    super(body.detail ?? body.title ?? `The server answered ${status}.`);
    this.status = status;
    this.body = body;
    this.slug = (body.type ?? "").split(/[:/]/).pop() ?? "";
  }
}

// Nobody answered, or something between here and the application did.
export class Unreachable extends Error {
  constructor() {
    super("The server cannot be reached.");
  }
}

// While the server wants its token, the page asks the user (views/token_form.js) and nobody else anything:
// what was under way ends like a view that was left.
/** @type {(path: string, options?: RequestOptions) => Promise<Response>} */
export async function request(path, { method = "GET", body, signal, headers = {} } = {}) {
  const token = currentToken();
  const response = await send(path, { method, body, signal, headers: { ...headers, ...identity(token) } });
  if (response.status === 401) {
    if (token !== currentToken()) return request(path, { method, body, signal, headers });
    refuseToken(token);
    throw new DOMException("The server asks for its token.", "AbortError");
  }
  if (response.ok) return response;
  const isProblem = response.headers.get("Content-Type")?.startsWith("application/problem+json");
  throw isProblem ? new Problem(response.status, await response.json()) : new Unreachable();
}

// A header has bytes: those of UTF-8, as the server has them.
/** @type {(token: string | null) => Record<string, string>} */
function identity(token) {
  if (!token) return {};
  return { Authorization: `Bearer ${String.fromCharCode(...new TextEncoder().encode(token))}` };
}

/** @type {(path: string, options: RequestInit) => Promise<Response>} */
async function send(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    throw error.name === "AbortError" ? error : new Unreachable();
  }
}

/** @type {<T>(path: string, options?: RequestOptions) => Promise<T>} */
export async function getJson(path, options) {
  return (await request(API + path, options)).json();
}

/** @type {<T>(method: string, path: string, body?: unknown, options?: RequestOptions) => Promise<T>} */
export async function sendJson(method, path, body, options = {}) {
  const headers = { "Content-Type": "application/json" };
  const text = body === undefined ? undefined : JSON.stringify(body);
  return (await request(API + path, { ...options, method, body: text, headers })).json();
}

// "?limit=60&q=Anna" of what is given; null and undefined are left out.
/** @type {(parameters: Record<string, unknown>) => string} */
export function queryOf(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value != null && value !== "");
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}
