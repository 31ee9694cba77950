import { make } from "/static/dom.js";
export async function showPeople() { return make("h1", {}, "people"); }
