// The files that a session passed over, found at another place, or did not find.

import { make, setHidden, setText } from "/static/dom.js";
import { number } from "/static/words.js";

/** @type {() => Shown<SessionBody>} */
export function census() {
  const doubt = make("p", { class: "doubt", hidden: true });
  const counts = make("p", { class: "quiet census", hidden: true });
  return {
    node: make("div", {}, doubt, counts),
    update(session) {
      const said = [
        session.moved ? `${number(session.moved)} moved` : null,
        session.missing ? `${number(session.missing)} missing` : null,
        session.companionsText || null,
        session.passedOverText ? `Passed over: ${session.passedOverText}` : null,
      ].filter(Boolean).join(" · ");
      setText(counts, said);
      setHidden(counts, !said);
      doubt.replaceChildren(sayDoubt(session), " ", make("a", { href: "#/" }, "Go to the libraries"));
      setHidden(doubt, !session.goneUnconfirmed);
    },
  };
}

// The warning about unconfirmed files of a session, a library or a dry run; "" if there are none.
/** @type {(whole: Pick<SessionBody, "goneUnconfirmed">) => string} */
export function sayDoubt({ goneUnconfirmed }) {
  if (!goneUnconfirmed) return "";
  const { gone, known } = goneUnconfirmed;
  return `${number(gone)} of ${number(known)} known photos are not there: is the disk mounted? `
    + "They count as missing only after you confirm that they are gone.";
}
