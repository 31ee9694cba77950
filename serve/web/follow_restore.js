// Follows a restore or an import on the server, and shows its progress.

import { getJson, Problem, Unreachable } from "/static/api.js";
import { pause } from "/static/dom.js";
import { setNotice } from "/static/router.js";

const POLL_MS = 1000;

// Resolves when it is done, and throws if it failed. While one database replaces the other, requests may
// fail for a moment.
/** @type {(begun: RestoreBody, signal?: AbortSignal) => Promise<RestoreBody>} */
export async function followRestore(begun, signal) {
  let newest = begun;
  while (newest.state === "running") {
    setNotice(`${newest.isImport ? "Importing" : "Restoring"}: ${newest.step || "reading"}${sayShare(newest)} …`);
    await pause(POLL_MS, signal);
    signal?.throwIfAborted();
    newest = await askAgain(newest, signal);
  }
  if (newest.error) throw new Error(newest.error);
  return newest;
}

// Follows a restore that was running before the view was opened. The view does not wait for its end.
/** @type {(signal: AbortSignal, ended: () => Promise<void>) => Promise<void>} */
export async function followNewest(signal, ended) {
  /** @type {RestoreBody | null} */
  const newest = await getJson("/backups/restore", { signal }).catch((error) => {
    if (error.status === 404) return null;
    throw error;
  });
  if (newest?.state !== "running") return;
  followRestore(newest, signal).then(ended, (error) => { if (error.name !== "AbortError") setNotice(error.message); });
}

/** @type {(known: RestoreBody, signal?: AbortSignal) => Promise<RestoreBody>} */
async function askAgain(known, signal) {
  try {
    return await getJson("/backups/restore", { signal });
  } catch (error) {
    if (error instanceof Unreachable || (error instanceof Problem && error.status === 503)) return known;
    throw error;
  }
}

/** @type {(body: RestoreBody) => string} */
const sayShare = ({ share }) => (share === null ? "" : `, ${Math.floor(share * 100)} %`);
