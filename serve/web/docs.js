// /openapi.json as a page: each route with its parameters and bodies, then the schemas.

import "/static/token.js"; // a link to this page may carry the token: it is kept for the others

const main = document.querySelector("#main");

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

const nameOf = (schema) => schema?.$ref?.split("/").pop();

function typeOf(schema = {}) {
  const name = nameOf(schema);
  if (name) return element("a", { href: `#${name}` }, name);
  if (schema.anyOf) return element("span", {}, ...join(schema.anyOf.map(typeOf), " or "));
  if (schema.type === "array") return element("span", {}, "list of ", typeOf(schema.items));
  const choices = schema.enum ?? (schema.const !== undefined ? [schema.const] : null);
  return element("span", {}, choices ? choices.join(" | ") : schema.format ?? schema.type ?? "any");
}

const join = (nodes, text) => nodes.flatMap((node, i) => (i ? [text, node] : [node]));

function table(rows) {
  return element("table", {}, ...rows.map((cells) =>
    element("tr", {}, ...cells.map((cell) => element("td", {}, cell ?? "")))));
}

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
    element("h3", {}, "Answers"), table(answers));
}

function showSchema([name, schema]) {
  const fields = Object.entries(schema.properties ?? {}).map(([field, type]) =>
    [field, typeOf(type), type.description]);
  return element("section", { id: name },
    element("h3", {}, name), element("p", {}, schema.description ?? ""),
    fields.length ? table(fields) : typeOf(schema));
}

// The document itself is no secret.
function describeToken({ components }) {
  if (!components?.securitySchemes?.HTTPBearer) return [];
  return [element("p", { className: "quiet" }, "This server asks for its token: each route below /api wants the header ",
    element("code", {}, "Authorization: Bearer TOKEN"), ", where TOKEN is the setting ",
    element("code", {}, "api_token"), " (", element("code", {}, "HEADCOUNT_API_TOKEN"), ").")];
}

const response = await fetch("/openapi.json");
const api = await response.json();
const routes = Object.entries(api.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, route]) => showRoute(path, method, route)));
const schemas = Object.entries(api.components?.schemas ?? {}).map(showSchema);
main.replaceChildren(
  element("h1", {}, "The API"), element("p", {}, api.info.summary ?? ""),
  element("p", {}, element("a", { href: "/openapi.json" }, "openapi.json")), ...describeToken(api), ...routes,
  element("h2", {}, "Schemas"), ...schemas);
