// Requests to the API: each sends the bearer token, and each failure is a typed error.

import { currentToken, refuseToken } from "/static/token.js";

export const API = "/api/v1";

// An error that the server describes; `slug` is the last part of the problem's type (RFC 9457).
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

// The server did not answer, or a proxy answered in its place.
export class Unreachable extends Error {
  constructor() {
    super("The server cannot be reached.");
  }
}

// If the server requires its token, the page asks the user for it (views/token_form.js), and the request
// ends with an AbortError, as if the user had left the view.
/** @type {(path: string, options?: RequestOptions) => Promise<Response>} */
export async function request(path, { method = "GET", body, signal, headers = {} } = {}) {
  const token = currentToken();
  const response = await send(path, { method, body, signal, headers: { ...headers, ...identity(token) } });
  if (response.status === 401) {
    if (token !== currentToken()) return request(path, { method, body, signal, headers });
    refuseToken(token);
    throw new DOMException("The server requires its token.", "AbortError");
  }
  if (response.ok) return response;
  const isProblem = response.headers.get("Content-Type")?.startsWith("application/problem+json");
  throw isProblem ? new Problem(response.status, await response.json()) : new Unreachable();
}

// fetch() sends each character of a header as one byte, and the server compares the bytes of UTF-8.
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

// Returns a query such as "?limit=60&q=Anna"; null, undefined and "" are left out.
/** @type {(parameters: Record<string, unknown>) => string} */
export function queryOf(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value != null && value !== "");
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}
