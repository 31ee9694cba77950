// How a session is doing, in the two or three words that a tab or a message of the browser has room
// for. Pure: the server's answer in, text out.

import { isOver } from "/static/say.js";

/** @type {Partial<Record<SessionStatus, string>>} */
const ENDS = { completed: "done", failed: "failed", cancelled: "cancelled" };

// "57 %" while it runs, "57 % paused", and then "done", "failed" or "cancelled".
/** @type {(progress: Pick<ProgressBody, "overallStatus" | "overallProgress">) => string} */
export function headline({ overallStatus, overallProgress }) {
  if (isOver({ overallStatus })) return ENDS[overallStatus] ?? overallStatus;
  const percentage = `${Math.floor(overallProgress.percentage)} %`;
  return overallStatus === "paused" ? `${percentage} paused` : percentage;
}
