// Where a browser finds /static/words.js, Node finds serve/web/words.js.

const WEB = new URL("../../../serve/web/", import.meta.url);

export function resolve(specifier, context, next) {
  const isOurs = specifier.startsWith("/static/");
  return next(isOurs ? new URL(specifier.slice("/static/".length), WEB).href : specifier, context);
}
