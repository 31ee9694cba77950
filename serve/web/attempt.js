// Runs the work of a button: the button is disabled meanwhile, and an error is shown beside it.

import { busy, setText } from "/static/dom.js";
import { setNotice } from "/static/router.js";

/** @type {(wrong: HTMLElement) => (control: Control, work: () => Promise<void>) => Promise<void>} */
export const showErrorsIn = (wrong) => async (control, work) => {
  setText(wrong, "");
  try {
    await busy(control, work);
  } catch (error) {
    if (error.name === "AbortError") return;
    setNotice("");
    setText(wrong, error.message);
  }
};
