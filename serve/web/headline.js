// The state of a session in two or three words, for the title of a tab or a browser notification.
// Pure: the server's answer in, text out.

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
