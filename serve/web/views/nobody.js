import { make } from "/static/dom.js";
export async function showNobody() { return make("h1", {}, "nobody"); }
