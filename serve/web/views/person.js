import { make } from "/static/dom.js";
export async function showPerson() { return make("h1", {}, "person"); }
