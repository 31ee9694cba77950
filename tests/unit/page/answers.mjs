// Answers, line by line, what a function of the page returns: ["say.js", "say", [progress]] comes in,
// {"value": …} or {"error": …} goes out. A name without arguments (null) is a constant.
//
// The time is what the first argument says, or else the clock's.

import * as module from "node:module";
import { createInterface } from "node:readline";

import { resolve } from "./addresses.mjs";

if (module.registerHooks) module.registerHooks({ resolve });
else module.register("./addresses.mjs", import.meta.url);

const [now] = process.argv.slice(2);
if (now) {
  globalThis.Date = class extends Date {
    constructor(...given) {
      super(...(given.length > 0 ? given : [now]));
    }
  };
}

async function answer([file, name, given]) {
  try {
    const { [name]: exported } = await import(`/static/${file}`);
    return { value: given === null ? exported : exported(...given) };
  } catch (error) {
    return { error: String(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
