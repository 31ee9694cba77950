// /openapi.json as a page: each route with its parameters and bodies, then the schemas.

import "/static/token.js"; // a link to this page may carry the token, which the other pages need

/**
 * The parts of an OpenAPI document that the page shows.
 * @typedef {{ $ref?: string, anyOf?: Schema[], type?: string, items?: Schema, enum?: unknown[], const?: unknown,
 *   format?: string, title?: string, description?: string, properties?: Record<string, Schema> }} Schema
 * @typedef {Record<string, { schema?: Schema }>} Content
 * @typedef {{ name: string, in: string, required?: boolean, schema?: Schema, description?: string }} Parameter
 * @typedef {{ summary?: string, description?: string, parameters?: Parameter[], requestBody?: { content?: Content },
 *   responses: Record<string, { description?: string, content?: Content }> }} Operation
 * @typedef {{ info: { summary?: string }, paths: Record<string, Record<string, Operation>>,
 *   components?: { schemas?: Record<string, Schema>, securitySchemes?: { HTTPBearer?: unknown } } }} Api
 */

/** @type {HTMLElement | null} */
const main = document.querySelector("#main");

/** @type {<T extends keyof HTMLElementTagNameMap>(tag: T, properties?: Partial<HTMLElementTagNameMap[T]>, ...children: (Node | string)[]) => HTMLElementTagNameMap[T]} */
function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** @type {(schema: Schema | undefined) => string | undefined} */
const nameOf = (schema) => schema?.$ref?.split("/").pop();

/** @type {(schema?: Schema) => HTMLElement} */
function typeOf(schema = {}) {
  const name = nameOf(schema);
  if (name) return element("a", { href: `#${name}` }, name);
  if (schema.anyOf) return element("span", {}, ...join(schema.anyOf.map(typeOf), " or "));
  if (schema.type === "array") return element("span", {}, "list of ", typeOf(schema.items));
  const choices = schema.enum ?? (schema.const !== undefined ? [schema.const] : null);
  return element("span", {}, choices ? choices.join(" | ") : schema.format ?? schema.type ?? "any");
}

/** @type {(nodes: Node[], text: string) => (Node | string)[]} */
const join = (nodes, text) => nodes.flatMap((node, i) => (i ? [text, node] : [node]));

/** @type {(rows: (Node | string | undefined)[][]) => HTMLElement} */
function table(rows) {
  return element("table", {}, ...rows.map((cells) =>
    element("tr", {}, ...cells.map((cell) => element("td", {}, cell ?? "")))));
}

/** @type {(path: string, method: string, route: Operation) => HTMLElement} */
function showRoute(path, method, route) {
  const parameters = (route.parameters ?? []).map((p) =>
    [p.name, `in ${p.in}${p.required ? ", required" : ""}`, typeOf(p.schema), p.description]);
  const body = route.requestBody?.content?.["application/json"]?.schema;
  const answers = Object.entries(route.responses).map(([status, answer]) => {
    const [kind, content] = Object.entries(answer.content ?? {})[0] ?? [];
    return [status, kind, content?.schema?.title ?? typeOf(content?.schema ?? { type: "" }),
      answer.description];
  });
  return element("section", {},
    element("h2", {}, `${method.toUpperCase()} ${path}`),
    element("p", {}, route.description ?? route.summary ?? ""),
    ...(parameters.length ? [element("h3", {}, "Parameters"), table(parameters)] : []),
    ...(body ? [element("h3", {}, "Body"), typeOf(body)] : []),
    element("h3", {}, "Responses"), table(answers));
}

/** @type {(entry: [name: string, schema: Schema]) => HTMLElement} */
function showSchema([name, schema]) {
  const fields = Object.entries(schema.properties ?? {}).map(([field, type]) =>
    [field, typeOf(type), type.description]);
  return element("section", { id: name },
    element("h3", {}, name), element("p", {}, schema.description ?? ""),
    fields.length ? table(fields) : typeOf(schema));
}

// The document itself can be read without a token.
/** @type {(api: Api) => HTMLElement[]} */
function describeToken({ components }) {
  if (!components?.securitySchemes?.HTTPBearer) return [];
  return [element("p", { className: "quiet" }, "This server requires its token: every request below /api must have the header ",
    element("code", {}, "Authorization: Bearer TOKEN"), ", where TOKEN is the setting ",
    element("code", {}, "api_token"), " (", element("code", {}, "HEADCOUNT_API_TOKEN"), ").")];
}

const response = await fetch("/openapi.json");
/** @type {Api} */
const api = await response.json();
const routes = Object.entries(api.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, route]) => showRoute(path, method, route)));
const schemas = Object.entries(api.components?.schemas ?? {}).map(showSchema);
main?.replaceChildren(
  element("h1", {}, "The API"), element("p", {}, api.info.summary ?? ""),
  element("p", {}, element("a", { href: "/openapi.json" }, "openapi.json")), ...describeToken(api), ...routes,
  element("h2", {}, "Schemas"), ...schemas);
